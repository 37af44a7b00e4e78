"""The command `corrections`: what a person says of activities, which counts before any service.

What can be said, and what follows from it, is lake/gold/corrections.py's.
"""

from typing import Annotated, Any

import typer

from strava_pipeline.verbs.options import NEGATIVE_IDS, AnyId, Json, command_group

corrections = command_group(
    "What you say of an activity: its name, sport, gear and more, before any service; listed, and taken back."
)


@corrections.command("list")
def list_(as_json: Json = False) -> None:
    """Show everything that you said and that holds."""
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.lake.gold.corrections import words_of
    from strava_pipeline.lake.gold.publish import current_snapshot
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.verbs.views import show

    lake = Lake(Settings.load().data_dir)
    with current_snapshot(lake) as connection:
        found = words_of(connection, lake)
    show({"corrections": found}, as_json=as_json, nothing="You corrected nothing.")


@corrections.command("set", context_settings=NEGATIVE_IDS)
def set_(
    one: AnyId,
    name: Annotated[str | None, typer.Option(help="Its name.")] = None,
    sport: Annotated[str | None, typer.Option(help="Its sport, as Strava names it: GravelRide.")] = None,
    gear: Annotated[str | None, typer.Option(help="Its gear, as service:id or own:NAME.", metavar="GEAR")] = None,
    commute: Annotated[bool | None, typer.Option("--commute/--no-commute", help="Whether it is a commute.")] = None,
    description: Annotated[str | None, typer.Option(help="Its description.")] = None,
    distance: Annotated[float | None, typer.Option(help="Its distance in metres.", metavar="METRES")] = None,
    moving_time: Annotated[str | None, typer.Option(help="Its time in motion.", metavar="H:MM:SS")] = None,
    elapsed_time: Annotated[str | None, typer.Option(help="Its time from start to end.", metavar="H:MM:SS")] = None,
    note: Annotated[str | None, typer.Option(help="A note of your own.")] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="A tag; several times for several. They replace others.")
    ] = None,
    counts: Annotated[
        bool | None,
        typer.Option("--counts/--counts-in-nothing", help="Whether it is in totals and records, whatever a rule says."),
    ] = None,
    deleted: Annotated[bool, typer.Option("--deleted", help="Delete it here alone; `undo` brings it back.")] = False,
) -> None:
    """Say what an activity is. What you don't name stays; `undo` takes it back."""
    said: dict[str, Any] = {"name": name, "sport_type": sport, "gear": gear, "commute": commute, "note": note}
    said |= {"tags": tag or None, "counts": counts, "description": description, "distance": distance}
    said |= {"moving_time": _seconds(moving_time), "elapsed_time": _seconds(elapsed_time), "deleted": deleted or None}
    _correct(one, {field: value for field, value in said.items() if value is not None}, "set")


def _seconds(text: str | None) -> float | None:
    from strava_pipeline.core.cuts import clock_seconds

    return None if text is None else clock_seconds(text)


@corrections.command(context_settings=NEGATIVE_IDS)
def cut(
    one: AnyId,
    begins: Annotated[
        str | None,
        typer.Option("--from", help="Where it begins, after the start; without it, there.", metavar="H:MM:SS"),
    ] = None,
    ends: Annotated[
        str | None, typer.Option("--to", help="Where it ends; without it, at the end.", metavar="H:MM:SS")
    ] = None,
) -> None:
    """Cut a stretch of an activity's track: distance, times, records, map and exports are of the rest. The track stays."""
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.lake.gold.publish import insights_snapshot
    from strava_pipeline.lake.made.cut_tracks import with_cut
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.lookups.activities import known_activity

    lake = Lake(Settings.load().data_dir)
    with insights_snapshot(lake) as connection:
        found = known_activity(connection, one)
        cuts = with_cut(connection, lake, found.year, found.id, _seconds(begins), _seconds(ends))
    _correct(found.id, {"cuts": cuts}, "cut")


@corrections.command(context_settings=NEGATIVE_IDS)
def undo(
    one: AnyId,
    field: Annotated[
        list[str] | None, typer.Option(help="Only this, as `list` calls it: name, cuts, deleted …")
    ] = None,
) -> None:
    """Take back what you said of an activity: all of it, or a field."""
    from strava_pipeline.lake.gold.corrections import FIELDS

    _correct(one, dict.fromkeys(field or FIELDS), "undo")


def _correct(one: int, words: dict[str, Any], command: str) -> None:
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.lake.gold.corrections import Edit, own_words
    from strava_pipeline.lake.gold.publish import insights_snapshot
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.lookups.activities import known_activity
    from strava_pipeline.operations.bests import correct
    from strava_pipeline.verbs.output import echo

    settings = Settings.load()
    lake = Lake(settings.data_dir)
    with insights_snapshot(lake) as connection:
        was_deleted = "deleted" in own_words(connection, lake, one)[0]
        activity_id = one if was_deleted else known_activity(connection, one).id
    done = correct(settings, [activity_id], Edit(words), f"strava-pipeline corrections {command}")
    echo("Recorded." if done.is_seen else "Recorded. Readers see it after the next run that publishes.")
