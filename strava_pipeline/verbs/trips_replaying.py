"""The verbs that decide of past trips anew: replay (one algorithm), sweep (many thresholds), and which algorithms there are."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from strava_pipeline.verbs.output import echo
from strava_pipeline.verbs.trips_options import (
    Comments,
    ExternalIds,
    Format,
    FormatOption,
    KeysEnv,
    KeysFile,
    Limit,
    OnlyWithFeedback,
    ReviewStatuses,
    Source,
    Statuses,
    StatusMeans,
    file_alone,
    filters_of,
    key_ring,
    meanings,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from strava_pipeline.core.trips.activity.replay import Decided
    from strava_pipeline.core.trips.activity.thresholds import Thresholds
    from strava_pipeline.core.trips.activity.verdict import Algorithm, Verdict
    from strava_pipeline.ingest.trips.table import Filters

DIFFERENCES = 4  # exit code of a comparison that found some
Export = Annotated[
    Path | None, typer.Argument(help="A file that `export` wrote, instead of a source.", metavar="EXPORT.json")
]
AlgorithmOption = Annotated[str, typer.Option("--algorithm", help="Which version; `algorithms` lists them.")]
Exec = Annotated[
    str | None,
    typer.Option("--exec", help="A program that decides instead: bundles in, decisions out, a JSON line each."),
]
Timeout = Annotated[float, typer.Option(min=0.1, max=86_400, help="Seconds that the program may take for one trip.")]
Processes = Annotated[int, typer.Option(min=1, help="How many cores to use.")]
FailOnWorse = Annotated[
    bool, typer.Option("--fail-on-worse", help="Exit with 4 when a trip came out worse than stored.")
]
CURRENT = "2026.1"
CORES = os.cpu_count() or 1


def algorithms_() -> None:
    """List the versions of the algorithms, and their thresholds."""
    from strava_pipeline.core.trips.activity.verdict import algorithms

    for known in algorithms():
        echo(f"{known.version}  {known.full_name}: {(known.decide.__doc__ or '').strip()}")


def replay(
    export: Export = None,
    source: Source = None,
    keys_file: KeysFile = None,
    keys_env: KeysEnv = None,
    external_id: ExternalIds = None,
    status: Statuses = None,
    review_status: ReviewStatuses = None,
    only_with_feedback: OnlyWithFeedback = False,
    comment: Comments = None,
    limit: Limit = None,
    algorithm: AlgorithmOption = CURRENT,
    exec_: Exec = None,
    timeout: Timeout = 30.0,
    format_: FormatOption = Format.TEXT,
    status_means: StatusMeans = None,
    processes: Processes = CORES,
    fail_on_worse: FailOnWorse = False,
) -> None:
    """Decide of past trips anew: better, same or worse than what is stored, by what people said of them."""
    from strava_pipeline.core.json_text import json_bytes
    from strava_pipeline.core.trips.activity.replay import Replay
    from strava_pipeline.core.trips.activity.sweep import replay_text
    from strava_pipeline.core.trips.activity.thresholds import Thresholds, thresholds
    from strava_pipeline.core.trips.activity.verdict import find_algorithm
    from strava_pipeline.ingest.trips.external import external_algorithm
    from strava_pipeline.verbs.private_file import emit

    filters = filters_of(external_id, status, review_status, only_with_feedback, comment, limit)
    with ExitStack() as stack:
        if exec_ is None:
            chosen, cores = find_algorithm(algorithm), processes
            limits = thresholds(chosen.full_name)
        else:  # one program, asked of one trip after the other
            chosen, cores = stack.enter_context(external_algorithm(exec_, timeout=timeout)), 1
            limits = Thresholds("its own", {})
        made = Replay(chosen, limits, meanings(status_means))
        work = (chosen, [made.thresholds], made.statuses)
        for batch in _decided(export, source, keys_file, keys_env, filters, *work, processes=cores):
            made.count(batch)
    emit(iter([json_bytes(made.as_json()) + b"\n" if format_ is Format.JSON else replay_text(made).encode()]), None)
    if fail_on_worse and made.confusion["worse"]:
        raise typer.Exit(DIFFERENCES)


def sweep(
    export: Export = None,
    source: Source = None,
    keys_file: KeysFile = None,
    keys_env: KeysEnv = None,
    external_id: ExternalIds = None,
    status: Statuses = None,
    review_status: ReviewStatuses = None,
    only_with_feedback: OnlyWithFeedback = False,
    comment: Comments = None,
    limit: Limit = None,
    algorithm: AlgorithmOption = CURRENT,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A set: name=key=value[,key=value]; may be repeated.")
    ] = None,
    grid: Annotated[list[str] | None, typer.Option(help="A set per value: key=a,b,c; may be repeated.")] = None,
    cartesian: Annotated[bool, typer.Option("--cartesian", help="Every combination of the grids' values.")] = False,
    format_: FormatOption = Format.TEXT,
    status_means: StatusMeans = None,
    processes: Processes = CORES,
    fail_on_worse: FailOnWorse = False,
) -> None:
    """Many sets of thresholds over the same past trips: which decides nearest to what people said."""
    from strava_pipeline.core.json_text import json_bytes
    from strava_pipeline.core.trips.activity.sweep import Sweep, sweep_text, threshold_sets
    from strava_pipeline.core.trips.activity.thresholds import thresholds
    from strava_pipeline.core.trips.activity.verdict import find_algorithm
    from strava_pipeline.verbs.private_file import emit

    filters = filters_of(external_id, status, review_status, only_with_feedback, comment, limit)
    chosen = find_algorithm(algorithm)
    sets = threshold_sets(thresholds(chosen.full_name), set_ or (), grid or (), cartesian=cartesian)
    made = Sweep(chosen, sets, meanings(status_means))
    work = (chosen, made.thresholds, made.statuses)
    for batch in _decided(export, source, keys_file, keys_env, filters, *work, processes=processes):
        made.count(batch)
    emit(iter([json_bytes(made.as_json()) + b"\n" if format_ is Format.JSON else sweep_text(made).encode()]), None)
    if fail_on_worse and any(result.confusion["worse"] for result in made.results()):
        raise typer.Exit(DIFFERENCES)


def _decided(
    export: Path | None,
    source: str | None,
    keys_file: Path | None,
    keys_env: str | None,
    filters: "Filters",
    algorithm: "Algorithm",
    sets: "Sequence[Thresholds]",
    statuses: "Mapping[str, Verdict]",
    *,
    processes: int,
) -> "Iterator[Decided]":
    """What the algorithm decides of the trips of the file, or of the source, batch by batch."""
    from strava_pipeline.core.errors import MisuseError
    from strava_pipeline.core.trips.activity.replay import decided
    from strava_pipeline.ingest.trips.connect import trip_source, trip_url
    from strava_pipeline.ingest.trips.export_file import read_export
    from strava_pipeline.ingest.trips.read import refuse_unknown
    from strava_pipeline.ingest.trips.replaying import decided_of_source
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.terminal import watched

    if export is not None:
        file_alone(source, keys_file, keys_env)
        if filters != type(filters)():
            raise MisuseError("Filters choose from a source; of a file all trips are replayed.")
        yield from (decided(algorithm, sets, batch, statuses) for batch in read_export(export))
        return
    settings = Settings.load()
    url = trip_url(settings, source)
    keys = key_ring(settings, keys_file, keys_env)
    with trip_source(settings, source) as opened:
        refuse_unknown(opened, filters)
    with watched("Replaying trips", None) as advance:
        limits = settings.trip_limits
        for batch in decided_of_source(
            url, keys, filters, algorithm, sets, statuses, processes=processes, limits=limits
        ):
            yield batch
            advance(len(batch.digests))
