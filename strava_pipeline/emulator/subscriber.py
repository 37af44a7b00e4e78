"""The callback of an emulated service besides Strava, which is set by hand, and events that belong together.

Which change raises an event, and the format of a delivery, is the service's business. Strava, whose callback subscribes
by its API and gets one event at a time, has its own (strava/application_api.py).
"""

from collections.abc import Callable
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from strava_pipeline.emulator.base import CONTROL, read_order
from strava_pipeline.emulator.deliveries import Deliveries, is_local, shown_address
from strava_pipeline.emulator.service import Json, OrderError, answer


class Subscriber:
    """One callback on this machine.

    Args:
        deliveries: sends the events.
        wrap: makes the body of a delivery from its events.
        most: the maximum number of events in a delivery.
    """

    def __init__(self, deliveries: Deliveries, wrap: Callable[[list[Json]], Json], most: int) -> None:
        self.deliveries = deliveries
        self.callback: str | None = None
        self._wrap, self._most = wrap, most
        self._gathered: list[Json] | None = None

    def notify(self, event: Json) -> None:
        """Send an event, or gather it; does nothing without a callback."""
        if self._gathered is not None:
            self._gathered.append(event)
        else:
            self._send([event])

    def gather(self, *, on: bool) -> None:
        """Gather events from now on; or send the gathered ones, as few deliveries as possible."""
        found, self._gathered = self._gathered or [], [] if on else None
        self._send(found)

    def report(self) -> Json:
        """The callback, as far as it may be shown, and every delivery."""
        shown = None if self.callback is None else shown_address(self.callback)
        return {"callback": shown, **self.deliveries.report()}

    def _send(self, events: list[Json]) -> None:
        if self.callback is not None:
            for start in range(0, len(events), self._most):
                self.deliveries.add(self._wrap(events[start : start + self._most]), self.callback)


def subscriber_routes(subscriber: Subscriber) -> list[Route]:
    """The control path of the callback and of the handling of deliveries."""

    async def webhooks(request: Request) -> Response:
        """POST {"callback": URL or null, "gather": bool} and orders of the deliveries; GET reports."""
        if request.method == "POST":
            order = await read_order(request)
            if (callback := order.get("callback")) is not None and not (
                isinstance(callback, str) and is_local(callback)
            ):
                raise OrderError("A callback is a plain http address of this machine.")
            subscriber.deliveries.order(**{name: order[name] for name in order.keys() - {"callback", "gather"}})
            subscriber.callback = order.get("callback", subscriber.callback)
            if "gather" in order:
                subscriber.gather(on=order["gather"] is True)
            return answer({"ok": True})
        return answer(subscriber.report())

    return [Route(f"{CONTROL}/webhooks", webhooks, methods=["GET", "POST"])]


def change_routes(
    edit: Callable[[str, Json], object], delete: Callable[[str], object], *, path: str = CONTROL
) -> list[Route]:
    """The control paths for changing a service's data: {"id": …, "set": {field: value}}, and {"id": …}."""

    async def edited(request: Request) -> Response:
        order = await read_order(request)
        fields = order.get("set")
        if not isinstance(fields, dict):
            raise OrderError('An edit is {"id": 1, "set": {"name": "New name"}}.')
        return _changed(lambda: edit(str(order.get("id")), fields))

    async def deleted(request: Request) -> Response:
        order = await read_order(request)
        return _changed(lambda: delete(str(order.get("id"))))

    def _changed(change: Callable[[], object]) -> Response:
        with suppress(KeyError, ValueError):
            change()
            return answer({"ok": True})
        raise OrderError("There is no activity with that id.")

    return [Route(f"{path}/edit", edited, methods=["POST"]), Route(f"{path}/delete", deleted, methods=["POST"])]
