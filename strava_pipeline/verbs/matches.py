"""The command `matches`: which activities of several sources are one, why, and a person's decisions about them.

Matching is core/matching's, what is kept of it lake/gold/matches.py's; here both are shown.
"""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from strava_pipeline.core.text import at_minute, counted
from strava_pipeline.verbs.options import NEGATIVE_IDS, AnyId, Json, Verbose, command_group, own_lake
from strava_pipeline.verbs.output import echo_json

if TYPE_CHECKING:
    from strava_pipeline.lake.gold.matches import ActivityPair, MatchedActivity, PairEvidence
    from strava_pipeline.lake.paths import Lake

matches = command_group(
    "Activities that were recorded, or listed, several times: which are one, and why; joining and splitting them."
)
_SHOWN = 20  # of a kind; --json has all


@matches.command("list")
def list_(as_json: Json = False) -> None:
    """Show which activities may be one without being joined, what a person decided, and how many are joined."""

    from strava_pipeline.lake.gold.matches import activity_pairs, matched_activities
    from strava_pipeline.verbs.output import plain
    from strava_pipeline.verbs.terminal import out

    with _snapshot() as connection:
        joined, others = matched_activities(connection), activity_pairs(connection)
    proposed = [pair for pair in others if pair.decided is None]
    decided_pairs = [pair for pair in others if pair.decided is not None]
    if as_json:
        shape = {
            "activities": [_activity_json(each) for each in joined],
            "proposed": [_pair_json(each) for each in proposed],
            "decided": [_pair_json(each) for each in decided_pairs],
        }
        echo_json(plain(shape))
        return
    ids = sum(len(each.members) for each in joined)
    out.print(f"Recorded several times: {counted(len(joined), 'activity')}, {counted(ids, 'id')}.")
    for title, found in (("Decided", decided_pairs), ("May be one, for you to decide", proposed)):
        if found:
            out.print(f"{title}: {len(found)}", style="bold")
            for pair in found[:_SHOWN]:
                _print_pair(pair)
            if len(found) > _SHOWN:
                out.print(f"  … and {len(found) - _SHOWN} more (--json)")
    if proposed:
        out.print("`strava-pipeline matches join ID OTHER` makes two one, `… split ID OTHER` keeps them two.")


@matches.command(context_settings=NEGATIVE_IDS)
def explain(
    one: AnyId,
    other: Annotated[
        int | None, typer.Argument(help="Another one: the evidence for the two.", metavar="[OTHER]")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show which sources an activity comes from, and why; or the evidence that two are one, point by point."""

    from strava_pipeline.lake.gold.matches import activity_pairs, matched_activities, pair_evidence
    from strava_pipeline.verbs.output import plain
    from strava_pipeline.verbs.terminal import out

    ids = [one] if other is None else [one, other]
    if one == other:
        raise typer.BadParameter("two different ids, please", param_hint="OTHER")
    with _snapshot() as connection:
        _present_years(connection, ids)
        found, compared = matched_activities(connection, one), activity_pairs(connection, one)
        weighed = pair_evidence(connection, own_lake(), one, other) if other is not None else None
    if other is not None:
        compared = [pair for pair in compared if set(pair.ids) == set(ids)]
    if as_json:
        shape = {
            "activity": _activity_json(found[0]) if found else None,
            "pairs": [_pair_json(each) for each in compared],
            "evidence": _evidence_json(weighed) if weighed else None,
        }
        echo_json(plain(shape))
        return
    if weighed:
        _print_evidence(weighed)
    elif found:
        out.print(
            f"Activity {found[0].activity_id} comes from {counted(len(found[0].members), 'source')}:", style="bold"
        )
        for each in found[0].members:
            out.print(
                f"  {each.id}  {each.source}  {at_minute(each.start_date) or 'no start'}  {each.name or ''}".rstrip()
            )
    else:
        out.print(f"{one} stands for itself.")
    for pair in compared:
        _print_pair(pair)


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
    _decide(one, [each.id for each in found[0].members if each.id != one], joined=False, verbose=verbose)


def _decide(one: int, others: list[int], *, joined: bool, verbose: bool) -> None:
    from strava_pipeline.core.errors import PipelineError
    from strava_pipeline.ingest.registry import primed_clock
    from strava_pipeline.lake.decisions import record_decisions
    from strava_pipeline.lake.gold.matches import MatchDecision, matched_activities
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.orchestrate.jobs import MATCH_JOB
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.run_report import run_and_report
    from strava_pipeline.verbs.terminal import out

    settings = Settings.load()
    if one in others:
        raise typer.BadParameter("two different ids, please", param_hint="OTHER")
    with _snapshot() as connection:
        years = _present_years(connection, [one, *others])
    at, by = primed_clock(settings).now(), f"strava-pipeline matches {'join' if joined else 'split'}"
    taken = [MatchDecision(at=at, by=by, id=one, other_id=each, joined=joined) for each in others]
    lake = Lake(settings.data_dir)
    record_decisions(lake, *taken)
    run_and_report(
        settings, MATCH_JOB, years=list(range(min(years.values()), max(years.values()) + 1)), verbose=verbose
    )
    with _snapshot() as connection:
        found = matched_activities(connection, one)
    together = {each.id for each in found[0].members} if found else {one}
    for each in others:
        if joined and each not in together:
            raise PipelineError(_why_still_two(lake, one, each))
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
        {each.id for each in side[0].members} if side else {own} for side, own in zip(sides, (one, other), strict=True)
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
    """The year of each activity, by id. PipelineError for an id that is in no activity."""
    from strava_pipeline.core.errors import PipelineError
    from strava_pipeline.lake.gold.matches import years_of_ids

    found = years_of_ids(connection, [each for each in ids if abs(each) < 2**63])
    if missing := [each for each in ids if each not in found]:
        raise PipelineError(
            f"No activity has the id {', '.join(map(str, missing))}. `strava-pipeline matches list` shows ids, and "
            '`strava-pipeline sql "SELECT id, source, name FROM activity_sources"` all of them.'
        )
    return found


def _activity_json(one: "MatchedActivity") -> dict[str, Any]:
    return {
        "activity_id": one.activity_id,
        "sources": [
            {
                "id": each.id,
                "source": each.source,
                "name": each.name,
                "start_date": each.start_date,
                "deleted": each.deleted,
            }
            for each in one.members
        ],
    }


def _pair_json(pair: "ActivityPair") -> dict[str, Any]:
    return {
        "ids": list(pair.ids),
        "sources": list(pair.sources),
        "names": list(pair.names),
        "start_dates": list(pair.starts),
        "verdict": pair.verdict,
        "joined": pair.joined,
        "score": pair.score,
        "reasons": pair.reasons,
        "decided": pair.decided,
    }


def _evidence_json(found: "PairEvidence") -> dict[str, Any]:
    return {
        "verdict": found.verdict,
        "score": found.score,
        "points": {kind: {"points": points, "of": most} for kind, (points, most) in found.points.items()},
        "reasons": found.reasons,
    }


def _print_pair(pair: "ActivityPair") -> None:
    from strava_pipeline.verbs.terminal import out

    for each in (0, 1):
        line = f"  {pair.ids[each]}  {pair.sources[each]}  {at_minute(pair.starts[each]) or 'no start'}  {pair.names[each] or ''}"
        out.print(line.rstrip())
    verdict = f"{pair.verdict}, {pair.score:g} of 100" + (f"; you {pair.decided} them" if pair.decided else "")
    out.print(f"    {verdict}: {'; '.join(pair.reasons)}")


def _print_evidence(found: "PairEvidence") -> None:
    from strava_pipeline.verbs.terminal import out

    out.print(f"{found.verdict}: {found.score:g} points of 100", style="bold")
    for kind, (points, most) in found.points.items():
        weight = "not in both sources" if points is None else f"{points:.1f} of {most:g}"
        out.print(f"  {kind:9} {weight}")
    for reason in found.reasons:
        out.print(f"  {reason}")
