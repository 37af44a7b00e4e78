"""The strings behind the stage, below /_emulator: tests and demos order faults, edits and time here, and read the truth.

Needs no token and counts nowhere. None of it exists at the real Strava.
"""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from strava_pipeline.emulator.api import state_of
from strava_pipeline.emulator.archive.listed import Layout
from strava_pipeline.emulator.archive.write import Exported, Oddities, write_export
from strava_pipeline.emulator.changes import add, delete, edit, withdraw
from strava_pipeline.emulator.errors import EmulatorConfigError, OrderError
from strava_pipeline.emulator.faults import Fault
from strava_pipeline.emulator.limits import UNLIMITED, Limits
from strava_pipeline.emulator.state import State
from strava_pipeline.emulator.wire import JSON_TYPE, Json, answer, dumps

DETAILS_PER_TURN = 25  # details made before other calls get their turn, about 25 ms


def routes() -> list[Route]:
    """All control paths."""
    return [
        Route("/_emulator/faults", faults, methods=["POST", "DELETE"]),
        Route("/_emulator/edit", edit_activity, methods=["POST"]),
        Route("/_emulator/delete", delete_activity, methods=["POST"]),
        Route("/_emulator/add", add_activity, methods=["POST"]),
        Route("/_emulator/clock", clock, methods=["GET", "POST"]),
        Route("/_emulator/limits", limits, methods=["POST"]),
        Route("/_emulator/scopes", scopes, methods=["POST"]),
        Route("/_emulator/expire-tokens", expire_tokens, methods=["POST"]),
        Route("/_emulator/revoke", revoke, methods=["POST"]),
        Route("/_emulator/archive", archive, methods=["POST"]),
        Route("/_emulator/truth", truth),
        Route("/_emulator/calls", calls, methods=["GET", "DELETE"]),
    ]


async def faults(request: Request) -> Response:
    """POST orders one fault; DELETE calls all off."""
    plan = state_of(request).faults
    if request.method == "DELETE":
        plan.clear()
        return answer({"ok": True})
    plan.order(Fault.from_order(await order_of(request)))
    return answer({"ok": True})


async def edit_activity(request: Request) -> Response:
    """{"id": …, "set": {field: value}}: answers the new detail."""
    return answer(edit(state_of(request), await order_of(request)))


async def delete_activity(request: Request) -> Response:
    """{"id": …}."""
    return answer({"id": delete(state_of(request), await order_of(request))})


async def add_activity(request: Request) -> Response:
    """{"activity": {…}} or {"generate": {"start_date": …, "sport_type": …, "timezone": …}}: answers the new id."""
    return answer({"id": add(state_of(request), await order_of(request))})


async def clock(request: Request) -> Response:
    """{"advance": seconds}, {"set": ISO}, {"speed": factor}, or several at once; answers the emulator's now."""
    own = state_of(request).clock
    if request.method == "POST":
        order = await order_of(request)
        try:
            moment = datetime.fromisoformat(order["set"]) if "set" in order else None
            advance, speed = float(order.get("advance", 0)), float(order.get("speed", 1))
        except (TypeError, ValueError) as error:
            raise OrderError(str(error)) from error
        if unknown := set(order) - {"set", "advance", "speed"}:
            raise OrderError(f"Unknown fields {', '.join(sorted(unknown))}.")
        if moment is not None:
            own.set(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
        own.advance(advance)
        if "speed" in order:
            own.set_speed(speed)
    return answer({"now": own.now().isoformat().replace("+00:00", "Z")})


async def limits(request: Request) -> Response:
    """{"limits": "200,2000/100,1000"}: from now on these; what was used stays used."""
    order = await order_of(request)
    try:
        state_of(request).usage.limits = Limits.parse(str(order.get("limits"))) or UNLIMITED
    except EmulatorConfigError as error:
        raise OrderError(str(error)) from error
    return answer({"ok": True})


async def scopes(request: Request) -> Response:
    """{"granted": [...]} leaves only these ticked (null: all), {"denied": true} says no; for the consents to come."""
    tokens = state_of(request).tokens
    order = await order_of(request)
    if "granted" in order:
        tokens.ticked = None if order["granted"] is None else frozenset(order["granted"])
    tokens.denied = bool(order.get("denied", False))
    return answer({"ok": True})


async def expire_tokens(request: Request) -> Response:
    """All access tokens die; refresh tokens live."""
    state_of(request).tokens.expire_access()
    return answer({"ok": True})


async def revoke(request: Request) -> Response:
    """The athlete withdraws on Strava's own site: every token dies."""
    withdraw(state_of(request))
    return answer({"ok": True})


async def truth(request: Request) -> Response:
    """Everything that exists now: the athlete, the gear, and every activity in full, ascending by id."""
    return StreamingResponse(_truth(state_of(request)), media_type=JSON_TYPE)


async def archive(request: Request) -> Response:
    """{"language": …, "columns": …, "missing": …, "unlisted": …}, or nothing: answers the zip that Strava would mail now."""
    state = state_of(request)
    layout, oddities = _as_ordered(await order_of(request))
    out, of = io.BytesIO(), Exported.of(state)
    await asyncio.to_thread(
        write_export, of, out, layout, oddities
    )  # of the rows of this moment; calls go on meanwhile
    name = f"export_{state.athlete['id']}.zip"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(out.getvalue(), media_type="application/zip", headers=headers)


async def calls(request: Request) -> Response:
    """GET reports what was asked since the last DELETE."""
    log = state_of(request).calls
    if request.method == "DELETE":
        log.reset()
        return answer({"ok": True})
    return answer(log.report())


async def _truth(state: State) -> AsyncIterator[bytes]:
    rows = state.store.existing(state.epoch)
    yield b'{"athlete":' + dumps(state.athlete) + b',"gear":' + dumps(list(state.gear.values()))
    yield b',"activities":['
    for first in range(0, len(rows), DETAILS_PER_TURN):
        some = [dumps(row.source.detail()) for row in rows[first : first + DETAILS_PER_TURN]]
        yield (b"," if first else b"") + b",".join(some)
        await asyncio.sleep(0)
    yield b"]}"


def _as_ordered(order: Json) -> tuple[Layout, Oddities]:
    """How an archive is to be written; whole numbers of 0 or more, and what Layout takes."""
    language, columns = order.pop("language", "en"), order.pop("columns", None)
    missing, unlisted = order.pop("missing", 0), order.pop("unlisted", 0)
    if order:
        raise OrderError(f"Unknown fields {', '.join(sorted(order))}.")
    for count in (missing, unlisted, *([] if columns is None else [columns])):
        if type(count) is not int or count < 0:
            raise OrderError(f"columns, missing and unlisted are whole numbers of 0 or more, not {count!r}.")
    try:
        return Layout(str(language), columns), Oddities(missing, unlisted)
    except EmulatorConfigError as error:
        raise OrderError(str(error)) from error


async def order_of(request: Request) -> Json:
    """The JSON object of a body; {} where there is none. Raises OrderError."""
    try:
        order = json.loads(await request.body() or b"{}")
    except ValueError as error:
        raise OrderError(f"The body is not JSON: {error}.") from error
    if not isinstance(order, dict):
        raise OrderError("The body must be a JSON object.")
    return order


async def refused(_request: Request, error: Exception) -> Response:
    """What an order that can't be carried out is answered with; app.py has every OrderError end here."""
    return answer({"message": str(error)}, 400)
