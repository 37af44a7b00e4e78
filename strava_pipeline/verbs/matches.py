"""The command `matches`: which activities of several sources are one, why, and a person's decisions about them.

Matching is core/matching's, its results are lake/gold/matches.py's; here both are shown.
"""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from strava_pipeline.verbs.options import NEGATIVE_IDS, AnyId, Json, Verbose, command_group, own_lake

if TYPE_CHECKING:
    from strava_pipeline.lake.paths import Lake

matches = command_group(
    "Activities that were recorded, or listed, several times: which are one, and why; joining and splitting them."
)


@matches.command("list")
def list_(as_json: Json = False) -> None:
    """Show which activities may be one without being joined, what a person decided, and how many are joined."""

    from strava_pipeline.lake.gold.matches import activity_pairs, matched_activities
    from strava_pipeline.verbs.views import MOST, show

    with _snapshot() as connection:
        joined, others = matched_activities(connection), activity_pairs(connection)
    proposed = [pair for pair in others if pair.decided is None]
    answer = {"activities": joined, "decided": [pair for pair in others if pair.decided], "proposed": proposed}
    advice = ["`strava-pipeline matches join ID OTHER` makes two one, `… split ID OTHER` keeps them two."]
    nothing = "No activity was recorded twice."
    show(answer, as_json=as_json, nothing=nothing, advice=advice if proposed else [], most=MOST)


@matches.command(context_settings=NEGATIVE_IDS)
def explain(
    one: AnyId,
    other: Annotated[
        int | None, typer.Argument(help="Another one: the evidence for the two.", metavar="[OTHER]")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show which sources an activity comes from, and why; or the evidence that two are one, point by point."""

    from strava_pipeline.lake.gold.corrections import held_words
    from strava_pipeline.lake.gold.matches import activity_pairs, matched_activities, pair_evidence
    from strava_pipeline.verbs.views import show

    ids = [one] if other is None else [one, other]
    if one == other:
        raise typer.BadParameter("two different ids, please", param_hint="OTHER")
    with _snapshot() as connection:
        _present_years(connection, ids)
        found, compared = matched_activities(connection, one), activity_pairs(connection, one)
        weighed = pair_evidence(connection, own_lake(), one, other) if other is not None else None
        words = held_words(connection, own_lake(), [one])[one] or None
    pairs = [pair for pair in compared if {*ids} <= {*pair.ids}]
    answer = {"activity": found[0] if found else None, "pairs": pairs, "evidence": weighed, "yours": words}
    show(answer, as_json=as_json, nothing=f"{one} stands for itself.")


@matches.command(context_settings=NEGATIVE_IDS)
def join(one: AnyId, other: Annotated[int, typer.Argument(metavar="OTHER")], verbose: Verbose = False) -> None:
    """Decide that two are one activity, whatever the evidence. The decision outlives every rebuild; `split` reverses it."""
    _decide(one, [other], joined=True, verbose=verbose)


@matches.command(context_settings=NEGATIVE_IDS)
def split(
    one: AnyId,
    other: Annotated[
        int | None, typer.Argument(help="From this one; else from all it is joined with.", metavar="[OTHER]")
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Decide that two are two activities: each is as it was before. The decision outlives every rebuild; `join` reverses it."""
    from strava_pipeline.core.errors import PipelineError
    from strava_pipeline.lake.gold.matches import matched_activities

    if other is not None:
        _decide(one, [other], joined=False, verbose=verbose)
        return
    with _snapshot() as connection:
        _present_years(connection, [one])
        found = matched_activities(connection, one)
    if not found:
        raise PipelineError(f"{one} stands for itself: there is nothing to split it from.")
    _decide(one, [each.id for each in found[0].sources if each.id != one], joined=False, verbose=verbose)


def _decide(one: int, others: list[int], *, joined: bool, verbose: bool) -> None:
    from strava_pipeline.core.errors import PipelineError
    from strava_pipeline.core.years import span_of
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.lake.gold.matches import matched_activities
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.operations.bests import decide_pairs
    from strava_pipeline.orchestrate.jobs import MATCH_JOB
    from strava_pipeline.verbs.run_report import run_and_report
    from strava_pipeline.verbs.terminal import out

    settings = Settings.load()
    if one in others:
        raise typer.BadParameter("two different ids, please", param_hint="OTHER")
    with _snapshot() as connection:
        years = _present_years(connection, [one, *others])
    by = f"strava-pipeline matches {'join' if joined else 'split'}"
    decide_pairs(settings, one, others, joined=joined, by=by)
    run_and_report(settings, MATCH_JOB, years=span_of(years.values()), verbose=verbose)
    with _snapshot() as connection:
        found = matched_activities(connection, one)
    together = {each.id for each in found[0].sources} if found else {one}
    for each in others:
        if joined and each not in together:
            raise PipelineError(_why_still_two(Lake(settings.data_dir), one, each))
        if joined:
            out.print(f"{one} and {each} are one activity now: {found[0].activity_id}.")
        else:
            out.print(
                f"{one} and {each} are two activities now. `strava-pipeline matches join {one} {each}` takes it back."
            )


def _why_still_two(lake: "Lake", one: int, other: int) -> str:
    from strava_pipeline.lake.gold.matches import matched_activities, pair_decisions

    with _snapshot() as connection:
        sides = [matched_activities(connection, each) for each in (one, other)]
    ids = [
        {each.id for each in side[0].sources} if side else {own} for side, own in zip(sides, (one, other), strict=True)
    ]
    split = [
        pair
        for pair in sorted(pair_decisions(lake).split)
        if any(pair[a] in ids[0] and pair[1 - a] in ids[1] for a in (0, 1))
    ]
    splits = "; ".join(f"{a} from {b}" for a, b in split)
    return (
        f"{one} and {other} are still two, because you split what belongs to them: {splits}. Join these first."
        if split
        else f"{one} and {other} are still two. Another run may have decided meanwhile: `strava-pipeline matches explain {one}`."
    )


def _snapshot() -> Any:
    from strava_pipeline.lake.gold.publish import current_snapshot

    return current_snapshot(own_lake())


def _present_years(connection: Any, ids: list[int]) -> dict[int, int]:
    """The year of each activity, by id. Raises PipelineError for an id without an activity."""
    from strava_pipeline.core.errors import PipelineError
    from strava_pipeline.lake.gold.matches import years_of_ids

    found = years_of_ids(connection, [each for each in ids if abs(each) < 2**63])
    if missing := [each for each in ids if each not in found]:
        raise PipelineError(
            f"No activity has the id {', '.join(map(str, missing))}. `strava-pipeline matches list` shows ids, and "
            '`strava-pipeline sql "SELECT id, source, name FROM activity_sources"` all of them.'
        )
    return found
