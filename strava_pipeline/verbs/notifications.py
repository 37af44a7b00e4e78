"""The command `notifications`: the runs' messages to a person, and marking them as read or clearing them."""

from typing import Annotated, Any

import typer

from strava_pipeline.core.text import counted
from strava_pipeline.verbs.options import command_group, own_lake
from strava_pipeline.verbs.output import echo

notifications = command_group("What you should know of: list, read, clear.")
Ids = Annotated[list[str] | None, typer.Argument(help="Ids, as `notifications list` shows them.", metavar="IDS")]
All = Annotated[bool, typer.Option("--all", help="All of them.")]


@notifications.command("list")
def list_(
    all_: Annotated[bool, typer.Option("--all", help="Read ones, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, read ones among them.")] = False,
) -> None:
    """Show the notifications that you have not read, the newest first."""
    from strava_pipeline.lake.notifications import notifications as known
    from strava_pipeline.verbs.views import show

    found = known(own_lake())
    chosen = {each.id: each.shown for each in found if all_ or as_json or not each.read}
    nothing = "There is nothing new." if found else "There are no notifications."
    advice = ["`strava-pipeline notifications read --all` marks all as read, `clear --all` removes them."]
    show({"notifications": chosen}, as_json=as_json, nothing=nothing, advice=advice if chosen else [])


@notifications.command()
def read(ids: Ids = None, all_: All = False) -> None:
    """Mark notifications as read."""
    _mark("read", ids, all_=all_)


@notifications.command()
def clear(ids: Ids = None, all_: All = False) -> None:
    """Remove notifications from the list."""
    _mark("cleared", ids, all_=all_)


def _mark(mark: Any, ids: list[str] | None, *, all_: bool) -> None:
    from strava_pipeline.core.errors import MisuseError
    from strava_pipeline.lake.notifications import mark_notifications
    from strava_pipeline.lake.notifications import notifications as known

    lake = own_lake()
    found = {each.id for each in known(lake)}
    if bool(ids) == all_:
        raise MisuseError("Name the ids, as `strava-pipeline notifications list` shows them, or give --all.")
    if unknown := [each for each in ids or [] if each not in found]:
        raise MisuseError(
            f"There is no notification {unknown[0]}. `strava-pipeline notifications list --all` shows them."
        )
    wanted = found if all_ else {*(ids or [])}
    mark_notifications(lake, mark, wanted)
    echo(f"Marked as read: {len(wanted)}." if mark == "read" else f"Cleared: {counted(len(wanted), 'notification')}.")
