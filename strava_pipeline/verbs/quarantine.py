"""The command `quarantine`: the quarantined activities, fetching their details again now, and giving them up.

The rules are in lake/gold/quarantine.py; the job `enrich` fetches.
"""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from strava_pipeline.verbs.options import Json, Limits, Verbose, command_group, grouped, own_lake, typed_ids
from strava_pipeline.verbs.output import echo

if TYPE_CHECKING:
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.lake.gold.quarantine import FailingActivity, PublishedActivity
    from strava_pipeline.lake.paths import Lake

quarantine = command_group("Activities whose detail always fails: list, retry, drop.")

Ids = Annotated[list[str] | None, typer.Argument(help="Activity ids, separated by spaces or commas.", metavar="IDS")]


@quarantine.command("list")
def list_(as_json: Json = False) -> None:
    """Show what is in quarantine, since when, what was received, and when it is fetched again; and rows that can't be read."""

    from strava_pipeline.lake.gold.quarantine import unreadable_rows
    from strava_pipeline.verbs.views import show

    lake, advice = own_lake(), []
    rows, unreadable = [_row(each, activity) for each, activity in _quarantined(lake)], unreadable_rows(lake)
    if rows:
        advice.append(
            "Asking now: `strava-pipeline quarantine retry IDS`. Never again: `strava-pipeline quarantine drop IDS`."
        )
    if unreadable:
        advice.append(
            "The other rows came in. Around these, nothing is marked as deleted. A listing of their time that lacks them takes "
            "them off this list; `strava-pipeline run-all` lists everything."
        )
    answer = {"activities": rows, "unreadable_rows": unreadable}
    show(answer, as_json=as_json, nothing="Nothing is in quarantine.", advice=advice, hidden=("account",))


@quarantine.command()
@grouped
def retry(
    *,
    ids: Ids = None,
    all_: Annotated[bool, typer.Option("--all", help="All that are in quarantine, dropped ones aside.")] = False,
    limits: Limits,
    verbose: Verbose = False,
) -> None:
    """Fetch details again now, without waiting for their pause, a call each. A dropped one is restored."""
    from strava_pipeline.core.providers import spec_of
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.lake.gold.quarantine import drops
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.orchestrate.job_years import lake_years
    from strava_pipeline.orchestrate.jobs import DETAILS
    from strava_pipeline.verbs.run_report import exit_if_stopped, run_and_report
    from strava_pipeline.verbs.terminal import out

    settings = Settings.load()
    lake = Lake(settings.data_dir)
    if bool(ids) == all_:
        raise typer.BadParameter("which ones? Ids, or --all", param_hint="IDS")
    quarantined = [each for each, _ in _quarantined(lake)]
    held = [each.activity_id for each in quarantined if not each.dropped_at]
    dropped = drops(lake)
    chosen = held if all_ else _refuse_unknown(typed_ids(ids or [], "IDS"), {*held, *dropped})
    if not chosen:
        out.print("Nothing is in quarantine that was not dropped.")
        return
    elsewhere = {each.activity_id: each.source for each in quarantined if "files" in spec_of(each.source).capabilities}
    _decide(settings, [each for each in chosen if each in dropped or each in elsewhere], dropped=False)
    for each in chosen:
        if each in elsewhere:
            out.print(f"{each}: the next run of the job {elsewhere[each]} asks for its file again.")
    chosen = [each for each in chosen if each not in elsewhere]
    if not chosen:
        return
    config = {"ids": chosen, **asdict(limits)}
    exit_if_stopped(
        run_and_report(settings, "enrich", years=lake_years(settings), config={DETAILS: config}, verbose=verbose)
    )


@quarantine.command()
def drop(ids: Ids = None) -> None:
    """Give activities up: no run fetches their details any more, not even after an edit, until `retry`."""
    from contextlib import suppress
    from functools import partial

    from strava_pipeline.core.errors import CheckFailedError
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.lake.gold.publish import publish
    from strava_pipeline.lake.gold.quarantine import sync_quarantine
    from strava_pipeline.lake.gold.warehouse import DamagedWarehouseError, OtherCatalogueError, writing
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.operations.table_rules import refuse_faults
    from strava_pipeline.verbs.terminal import out

    settings = Settings.load()
    lake = Lake(settings.data_dir, group=settings.reader_group)
    if not ids:
        raise typer.BadParameter("which ones? `strava-pipeline quarantine list` shows their ids", param_hint="IDS")
    held = {each.activity_id: each for each, _ in _quarantined(lake)}
    chosen = _refuse_unknown(typed_ids(ids or [], "IDS"), set(held))
    _decide(settings, [each for each in chosen if not held[each].dropped_at], dropped=True)
    with suppress(OtherCatalogueError, DamagedWarehouseError):  # the next run makes it anew, and reads decisions
        with writing(lake) as connection:
            sync_quarantine(connection, lake, ())
        try:
            publish(lake, refuse=partial(refuse_faults, lake=lake))
        except CheckFailedError as error:
            echo(f"{error} The decision is kept, and the next run that publishes follows it.", err=True)
    for each in chosen:
        out.print(f"Dropped: {each}. No run asks for it; `strava-pipeline quarantine retry {each}` reverses that.")


def _quarantined(lake: "Lake") -> list[tuple["FailingActivity", "PublishedActivity | None"]]:
    from strava_pipeline.lake.gold.quarantine import failing_now

    return [(each, activity) for each, activity in failing_now(lake) if each.files.is_quarantined]


def _refuse_unknown(ids: list[int], held: set[int]) -> list[int]:
    from strava_pipeline.core.errors import PipelineError

    if unknown := [each for each in ids if each not in held]:
        raise PipelineError(
            f"Not in quarantine: {', '.join(map(str, unknown))}. `strava-pipeline quarantine list` shows what is; "
            "`strava-pipeline enrich --ids` fetches any other."
        )
    return ids


def _decide(settings: "Settings", ids: list[int], *, dropped: bool) -> None:
    from strava_pipeline.ingest.registry import primed_clock
    from strava_pipeline.lake.decisions import record_decisions
    from strava_pipeline.lake.gold.quarantine import QuarantineDecision
    from strava_pipeline.lake.paths import Lake

    at, by = primed_clock(settings).now(), f"strava-pipeline quarantine {'drop' if dropped else 'retry'}"
    taken = (QuarantineDecision(at=at, by=by, activity_id=each, dropped=dropped) for each in ids)
    record_decisions(Lake(settings.data_dir), *taken)


def _row(one: "FailingActivity", activity: "PublishedActivity | None") -> dict[str, Any]:
    evidence = one.files.evidence
    return {
        "activity_id": one.activity_id,
        "source": one.source,
        "name": activity and activity.name,
        "start_date": activity and activity.start_date,
        "failures": one.files.failures,
        "first_failed_at": one.files.first_failed_at,
        "last_failed_at": one.files.failed_at,
        "status": one.files.status,
        "evidence": evidence,
        "evidence_bytes": evidence and evidence.stat().st_size,
        "retry_at": one.retry_at,
        "dropped_at": one.dropped_at,
    }
