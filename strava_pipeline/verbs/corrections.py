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
    gear: Annotated[str | None, typer.Option(help="Its gear, as service:id.", metavar="SERVICE:ID")] = None,
    commute: Annotated[bool | None, typer.Option("--commute/--no-commute", help="Whether it is a commute.")] = None,
    note: Annotated[str | None, typer.Option(help="A note of your own.")] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="A tag; several times for several. They replace others.")
    ] = None,
    counts: Annotated[
        bool | None,
        typer.Option("--counts/--counts-in-nothing", help="Whether it is in totals and records, whatever a rule says."),
    ] = None,
) -> None:
    """Say what an activity is. What you don't name stays; `undo` takes it back."""
    said: dict[str, Any] = {"name": name, "sport_type": sport, "gear": gear, "commute": commute, "note": note}
    said |= {"tags": tag or None, "counts": counts}
    _correct(one, {field: value for field, value in said.items() if value is not None}, "set")


@corrections.command(context_settings=NEGATIVE_IDS)
def undo(
    one: AnyId,
    field: Annotated[
        list[str] | None, typer.Option(help="Only this: name, sport_type, gear, commute, note, tags, counts.")
    ] = None,
) -> None:
    """Take back what you said of an activity: all of it, or a field."""
    from strava_pipeline.lake.gold.corrections import FIELDS

    _correct(one, dict.fromkeys(field or FIELDS), "undo")


def _correct(one: int, words: dict[str, Any], command: str) -> None:
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.lake.dashboard.activities import known_activity
    from strava_pipeline.lake.gold.publish import insights_snapshot
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.operations.bests import correct
    from strava_pipeline.verbs.output import echo

    settings = Settings.load()
    with insights_snapshot(Lake(settings.data_dir)) as connection:
        found = known_activity(connection, one)
    is_seen = correct(settings, found.id, words, f"strava-pipeline corrections {command}")
    echo("Recorded." if is_seen else "Recorded. Readers see it after the next run that publishes.")
