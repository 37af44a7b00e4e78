"""The strings behind the stage for webhooks: what goes wrong with deliveries, what became of each, and events of any kind.

Paths below /_emulator, as control.py's. Shows a callback's host and port, never its path.
"""

import asyncio
import math

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from strava_pipeline.emulator.api import state_of
from strava_pipeline.emulator.callback import shown
from strava_pipeline.emulator.control import order_of
from strava_pipeline.emulator.deliveries import Orders
from strava_pipeline.emulator.errors import OrderError
from strava_pipeline.emulator.events import event_of
from strava_pipeline.emulator.wire import Json, answer

LONGEST_WAIT = 600.0  # seconds that a look may wait
COUNTS = {"shuffle": 0, "attempts": 1}  # each with the least it may be
SECONDS = {"timeout": 0.001, "pause": 0.0}


def routes() -> list[Route]:
    """All control paths of webhooks."""
    return [
        Route("/_emulator/webhooks", webhooks, methods=["GET", "POST"]),
        Route("/_emulator/webhooks/send", send, methods=["POST"]),
    ]


async def webhooks(request: Request) -> Response:
    """POST changes the orders it names. GET reports; ?wait=seconds: once nothing is on its way, or after so long."""
    state = state_of(request)
    if request.method == "POST":
        state.deliveries.order(**_as_ordered(await order_of(request)))
        return answer({"ok": True})
    wait = _number("wait", _text_number(request.query_params.get("wait", "0")), 0.0, LONGEST_WAIT)
    if wait:
        await asyncio.to_thread(state.deliveries.idle, wait)
    current = state.subscriptions.current
    subscription = None if current is None else {"id": current.id, "callback": shown(current.callback)}
    return answer({"subscription": subscription, **state.deliveries.report()})


async def send(request: Request) -> Response:
    """{"event": {field: value}}, or nothing: sends an event; what is not given is usual. Answers the whole event."""
    state, given = state_of(request), (await order_of(request)).get("event") or {}
    current = state.subscriptions.current
    if not isinstance(given, dict):
        raise OrderError('An event is an object: {"event": {"object_id": 123}}.')
    if current is None:
        raise OrderError("There is no subscription, so nowhere to send an event to.")
    event = event_of(state, given)
    state.deliveries.add(event, current.callback)
    return answer({"event": event})


def _as_ordered(order: Json) -> dict[str, int | float | bool]:
    """The orders given, each checked."""
    found: dict[str, int | float | bool] = {}
    for name, value in order.items():
        if name == "hold":
            if not isinstance(value, bool):
                raise OrderError(f"hold is true or false, not {value!r}.")
            found[name] = value
        elif name in ("lose", "duplicate"):
            share = isinstance(value, float)
            found[name] = _number(name, value, 0.0, 1.0) if share else _count(name, value, 0)
        elif name in COUNTS:
            found[name] = _count(name, value, COUNTS[name])
        elif name in SECONDS:
            found[name] = _number(name, value, SECONDS[name], LONGEST_WAIT)
        else:
            raise OrderError(f"There is no order {name!r}: {', '.join(Orders.__dataclass_fields__)}.")
    return found


def _count(name: str, value: object, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise OrderError(f"{name} is a whole number from {least} on, not {value!r}.")
    return value


def _number(name: str, value: object, least: float, most: float) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:
        raise OrderError(f"{name} is a number from {least} to {most:g}, not {value!r}.")
    return float(value)


def _text_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
