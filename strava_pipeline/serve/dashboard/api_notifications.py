"""`/api/notifications`: what a person should know, read and unread; marking as read, and clearing."""

from typing import Annotated, Literal

from fastapi import APIRouter, Body, Depends, Path
from starlette.responses import Response

from strava_pipeline.lake.notifications import Notification, mark_notifications, notifications
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lookups.rows import Cursor, micros
from strava_pipeline.serve.dashboard.answers import (
    After,
    Limit,
    Rows,
    cursor_of,
    json_answer,
    only_known_parameters,
    page_shape,
    shape,
)
from strava_pipeline.serve.dashboard.document import problems
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.site import CurrentLake

router = APIRouter(
    prefix="/api/notifications",
    dependencies=[Depends(only_known_parameters)],
    tags=["notifications"],
)
Marks = Annotated[dict[str, Literal["read"]], Body(min_length=1, max_length=500)]


@router.get("", response_model=page_shape("Notifications", notifications=Rows, unread=int))
def listed(lake: CurrentLake, limit: Limit = 500, cursor: After = None) -> Response:
    """Notifications by id, the newest first, how many of all are unread, and the cursor of the next page."""
    found, after = notifications(lake), cursor_of(cursor)
    unread = sum(not each.read for each in found)
    older = [each for each in found if after is None or _place(each) < (after.place, after.id)]
    rest = Cursor(*_place(older[limit - 1])).text if len(older) > limit else None
    return json_answer(
        {"notifications": {each.id: each.shown for each in older[:limit]}, "unread": unread, "next": rest}
    )


def _place(note: Notification) -> tuple[int, int]:
    """The place of a notification among all, so that pages can continue after one that was cleared meanwhile."""
    return micros(note.at), int(note.id, 16)


@router.patch("", response_model=shape("ReadNotifications", notifications=Rows), responses=problems(404))
def read(lake: CurrentLake, marks: Marks) -> Response:
    """Mark as read: `{id: "read"}`."""
    _refuse_unknown(lake, [*marks])
    mark_notifications(lake, "read", [*marks])
    return json_answer({"notifications": {each.id: each.shown for each in notifications(lake) if each.id in marks}})


@router.delete("", status_code=204)
def clear_all(lake: CurrentLake) -> Response:
    """Clear all that are there now."""
    mark_notifications(lake, "cleared", [each.id for each in notifications(lake)])
    return Response(status_code=204)


@router.delete("/{notification_id}", status_code=204, responses=problems(404))
def clear(lake: CurrentLake, notification_id: Annotated[str, Path(max_length=64)]) -> Response:
    """Clear one."""
    _refuse_unknown(lake, [notification_id])
    mark_notifications(lake, "cleared", [notification_id])
    return Response(status_code=204)


def _refuse_unknown(lake: Lake, ids: list[str]) -> None:
    known = {each.id for each in notifications(lake)}
    if not known.issuperset(ids):
        raise ProblemError(404, "There is no notification with such an id.")
