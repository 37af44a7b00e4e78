"""The command `bests`: the fastest times of an activity, and a person's word that it holds no best."""

from typing import TYPE_CHECKING

from strava_pipeline.verbs.options import NEGATIVE_IDS, AnyId, Json, command_group

if TYPE_CHECKING:
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.lake.dashboard.rows import Values

bests = command_group("Bests of an activity: how each was measured; and keeping an activity out of records.")


@bests.command("show", context_settings=NEGATIVE_IDS)
def show_(one: AnyId, as_json: Json = False) -> None:
    """Show the fastest times of an activity, how each was measured, and whether they may be records."""
    from strava_pipeline.core.insights.goals import clock
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.verbs.views import show

    key, found, dismissed = _bests(Settings.load(), one)
    verb = "restore" if dismissed else "dismiss"
    advice = f"`strava-pipeline bests {verb} {key}` {'lets it hold' if dismissed else 'keeps it out of'} records."
    answer = {"activity_id": key, "is_dismissed": dismissed, "bests": found}
    show(answer, as_json=as_json, advice=[advice], forms={"value": clock})


@bests.command(context_settings=NEGATIVE_IDS)
def dismiss(one: AnyId) -> None:
    """Not a best: keep an activity out of records and of the power curve; the next one holds the place. `restore` reverses it."""
    _decide(one, dismissed=True)


@bests.command(context_settings=NEGATIVE_IDS)
def restore(one: AnyId) -> None:
    """Let an activity hold records again."""
    _decide(one, dismissed=False)


def _bests(settings: "Settings", one: int) -> "tuple[int, list[Values], bool]":
    """The id of the activity (not deleted), its fastest times, and whether a person dismissed it. Raises UnknownIdError."""
    from strava_pipeline.core.errors import UnknownIdError
    from strava_pipeline.lake.dashboard.activities import find_activity
    from strava_pipeline.lake.dashboard.bests import bests_of
    from strava_pipeline.lake.gold.personal import dismissed_activities
    from strava_pipeline.lake.gold.publish import insights_snapshot
    from strava_pipeline.lake.paths import Lake

    lake = Lake(settings.data_dir)
    with insights_snapshot(lake) as connection:
        found = find_activity(connection, one)
        if found is None:
            raise UnknownIdError(
                f"No present activity has the id {one}. The address of its page on the dashboard ends with it."
            )
        return found.id, bests_of(connection, found.id), found.id in dismissed_activities(connection, lake)


def _decide(one: int, *, dismissed: bool) -> None:
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.operations.bests import decide_bests
    from strava_pipeline.verbs.terminal import out

    settings = Settings.load()
    key, _, _ = _bests(settings, one)
    verb = "dismiss" if dismissed else "restore"
    is_seen = decide_bests(settings, key, dismissed=dismissed, by=f"strava-pipeline bests {verb}")
    when = "" if is_seen else " Readers see it after the next run that publishes."
    out.print(
        f"{key} holds no record any more.{when} `strava-pipeline bests restore {key}` reverses that."
        if dismissed
        else f"{key} may hold records again.{when}"
    )
