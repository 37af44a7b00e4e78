"""The commands `trips activity`: encrypted trips exported, diagnosed, explained, replayed with other thresholds.

Reports come from rules/, so that a report from a file is the same as one from the source. Which trips are read,
and from where, stands in options.py.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from strava_pipeline.trips.activity.options import (
    ExportFormat,
    ExternalIds,
    Format,
    FormatOption,
    Out,
    ReadFrom,
    StatusMeans,
    Which,
    decide,
    status_meanings,
    trip_batches,
)
from strava_pipeline.verbs.options import (
    AllowShrink,
    Verbose,
    Years,
    all_years,
    command_group,
    grouped,
    typed_years,
)
from strava_pipeline.verbs.output import check_private, echo, emit, write_private

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from strava_pipeline.trips.activity.rules.bundle import Bundle
    from strava_pipeline.trips.activity.rules.diagnosis import Diagnosed
    from strava_pipeline.trips.activity.rules.replay import Sweep
    from strava_pipeline.trips.activity.rules.verdict import Verdict


app = command_group("Encrypted activity trips, read-only.", name="activity")

Export = Annotated[
    Path | None, typer.Argument(help="A file that `export` wrote, instead of a source.", metavar="EXPORT.json")
]
Sketch = Annotated[
    bool, typer.Option("--sketch", help="Add a line of the speed and a picture of the track, in metres.")
]
Html = Annotated[
    Path | None,
    typer.Option(help="Write one page with charts and tracks (mode 0600) to this file.", show_default=False),
]
PAGE_TRIPS = 500  # on one page; 500 of 80 points make some 30 MB


@app.command("read")
def read_(
    *,
    years: Years = None,
    again: Annotated[bool, typer.Option("--again", help="Read all trips of these years, changed or not.")] = False,
    allow_shrink: AllowShrink = False,
    verbose: Verbose = False,
) -> None:
    """Read new and changed trips into the tables: of all years, or of --years."""
    from strava_pipeline.core.years import years_of_runs
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.trips.activity.jobs import TRIPS_JOB
    from strava_pipeline.trips.activity.reading.connect import trip_url
    from strava_pipeline.trips.activity.tables import TRIP_INDEX
    from strava_pipeline.verbs.run_report import Report, run_and_report

    settings = Settings.load()
    trip_url(settings)  # or there is nothing to read
    chosen = typed_years(years, all_years(settings)) if years else all_years(settings)
    config = {TRIP_INDEX.name: {"again": again, "allow_shrink": allow_shrink}}
    report = Report()
    with report.shown():
        for several in years_of_runs(chosen):
            run_and_report(settings, TRIPS_JOB, years=several, config=config, verbose=verbose, report=report)


@app.command()
@grouped
def export(
    *,
    origin: ReadFrom,
    which: Which,
    format_: ExportFormat = Format.JSON,
    probe: Annotated[
        bool, typer.Option("--probe", help="Only counts and the latest trip's plain fields; no key.")
    ] = False,
    out: Out = None,
) -> None:
    """Write decrypted trips as a JSON array. It holds positions: keep it to yourself."""
    from strava_pipeline.core.errors import MisuseError
    from strava_pipeline.core.json_values import json_bytes

    if format_ is Format.TEXT:
        raise MisuseError("An export is JSON. For reading: `trips activity diagnose`.")
    if probe:
        if which != Which():
            raise MisuseError("--probe counts everything; filters choose what is exported.")
        from strava_pipeline.environment.settings import Settings
        from strava_pipeline.trips.activity.reading.connect import trip_source
        from strava_pipeline.trips.activity.reading.read import probe as look

        with trip_source(Settings.load(), origin.source) as opened:
            counts = look(opened)
        emit(iter([json_bytes(counts) + b"\n"]), out)
        return
    with trip_batches(origin, which.filters) as batches:
        emit(_array(bundle for batch in batches for bundle in batch), out)


@app.command()
@grouped
def diagnose(
    *,
    origin: ReadFrom,
    which: Which,
    format_: FormatOption = Format.TEXT,
    sketch: Sketch = False,
    html: Html = None,
    status_means: StatusMeans = None,
    out: Out = None,
) -> None:
    """Fetch, decrypt, measure, judge and explain trips."""
    at_most = None if html is None else PAGE_TRIPS
    with trip_batches(origin, which.filters, at_most=at_most) as batches:
        _report(batches, format_, status_meanings(status_means), sketched=sketch, html=html, out=out)


@app.command()
def analyze(
    export: Annotated[Path, typer.Argument(help="A file that `export` wrote.", metavar="EXPORT.json")],
    format_: FormatOption = Format.TEXT,
    sketch: Sketch = False,
    html: Html = None,
    status_means: StatusMeans = None,
    out: Out = None,
) -> None:
    """The report of `diagnose` from an exported file: no source, no key."""
    from strava_pipeline.trips.activity.reading.export_file import read_export

    _report(read_export(export), format_, status_meanings(status_means), sketched=sketch, html=html, out=out)


@app.command()
@grouped
def explain(
    *,
    export: Export = None,
    origin: ReadFrom,
    external_id: ExternalIds = None,
    format_: FormatOption = Format.TEXT,
    out: Out = None,
) -> None:
    """Verdict, reasons with the numbers that decided, and the smallest change that would flip it; of chosen trips."""
    from strava_pipeline.core.errors import MisuseError
    from strava_pipeline.trips.activity.reading.export_file import read_export
    from strava_pipeline.trips.activity.reading.read import Tally
    from strava_pipeline.trips.activity.reading.source import Filters
    from strava_pipeline.trips.activity.rules.diagnosis import diagnose as diagnosed
    from strava_pipeline.trips.activity.rules.report import explanation_parts, json_parts
    from strava_pipeline.trips.activity.rules.thresholds import thresholds

    if not external_id:
        raise MisuseError("Which trip? --external-id names one, and may be repeated.")
    wanted = set(external_id)
    if export is not None:
        origin.refuse_beside_file()
        bundles = [bundle for batch in read_export(export) for bundle in batch if bundle.external_id in wanted]
    else:
        with trip_batches(origin, Filters(external_ids=tuple(external_id))) as batches:
            bundles = [bundle for batch in batches for bundle in batch]
    if missing := wanted - {bundle.external_id for bundle in bundles}:
        raise MisuseError(f"There is no trip {', '.join(sorted(missing))}.")
    found, tally = [diagnosed(bundles, thresholds())], Tally()
    tally.add(bundles)
    if format_ is Format.JSON:
        emit(json_parts(found, thresholds(), lambda: (tally.keys_used, tally.counts)), out)
    else:
        emit(explanation_parts(found, thresholds()), out)


def _report(
    batches: "Iterable[list[Bundle]]",
    format_: Format,
    statuses: "Mapping[str, Verdict]",
    *,
    sketched: bool,
    html: Path | None,
    out: Path | None,
) -> None:
    from strava_pipeline.core.errors import MisuseError
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.trips.activity.reading.connect import trip_routes
    from strava_pipeline.trips.activity.reading.read import Tally
    from strava_pipeline.trips.activity.rules.diagnosis import diagnose as diagnosed
    from strava_pipeline.trips.activity.rules.report import json_parts, page_parts, text_parts
    from strava_pipeline.trips.activity.rules.thresholds import thresholds

    if sketched and format_ is Format.JSON:
        raise MisuseError("--sketch is drawn in text; with --format json there is nothing to draw it in.")
    for path in filter(None, (html, out)):
        check_private(path)
    limits, tally = thresholds(), Tally()
    shown: list[list[Diagnosed]] = []

    def diagnosed_batches() -> "Iterator[list[Diagnosed]]":
        for batch in batches:
            tally.add(batch)
            found = diagnosed(batch, limits, routes(batch, {}), statuses)
            if html is not None:
                shown.append(found)
                if tally.trips > PAGE_TRIPS:
                    raise MisuseError(f"A page holds {PAGE_TRIPS} trips; choose some, as with --limit {PAGE_TRIPS}.")
            yield found

    with trip_routes(Settings.load()) as routes:
        if format_ is Format.JSON:
            emit(json_parts(diagnosed_batches(), limits, lambda: (tally.keys_used, tally.counts)), out)
        else:
            emit(text_parts(diagnosed_batches(), limits, sketched=sketched), out)
    if html is not None:
        write_private(html, page_parts(shown, limits))
        echo(f"The page: {html}", err=True)


def _array(bundles: "Iterable[Bundle]") -> Iterator[bytes]:
    """A JSON array, one trip per line."""
    from strava_pipeline.core.json_values import json_bytes

    between = b"[\n"
    for bundle in bundles:
        yield between + json_bytes(bundle.as_json())
        between = b",\n"
    yield b"[]\n" if between == b"[\n" else b"\n]\n"


DIFFERENCES = 4  # exit code of a comparison that found differences
AlgorithmOption = Annotated[str, typer.Option("--algorithm", help="Which version; `algorithms` lists them.")]
Exec = Annotated[
    str | None,
    typer.Option("--exec", help="A program that decides instead: bundles in, decisions out, a JSON line each."),
]
Timeout = Annotated[float, typer.Option(min=0.1, max=86_400, help="Seconds that the program may take for one trip.")]
Processes = Annotated[int, typer.Option(min=1, help="How many cores to use.")]
FailOnWorse = Annotated[
    bool, typer.Option("--fail-on-worse", help="Exit with 4 when a trip comes out worse than stored.")
]
CURRENT = "2026.1"
CORES = os.cpu_count() or 1


@app.command("algorithms")
def algorithms_() -> None:
    """List the versions of the algorithms, and their thresholds."""
    from strava_pipeline.trips.activity.rules.verdict import ALGORITHMS

    for version in ALGORITHMS:
        echo(f"{version.version}  {version.full_name}: {(version.decide.__doc__ or '').strip()}")


@app.command()
@grouped
def replay(
    *,
    export: Export = None,
    origin: ReadFrom,
    which: Which,
    algorithm: AlgorithmOption = CURRENT,
    exec_: Exec = None,
    timeout: Timeout = 30.0,
    format_: FormatOption = Format.TEXT,
    status_means: StatusMeans = None,
    processes: Processes = CORES,
    fail_on_worse: FailOnWorse = False,
) -> None:
    """Decide past trips again: better, same or worse than the stored decision, measured by what people said."""
    from strava_pipeline.trips.activity.reading.algorithms import external_algorithm
    from strava_pipeline.trips.activity.rules.replay import BASELINE, Sweep
    from strava_pipeline.trips.activity.rules.thresholds import Thresholds, thresholds
    from strava_pipeline.trips.activity.rules.verdict import find_algorithm

    with ExitStack() as stack:
        if exec_ is None:
            chosen, cores = find_algorithm(algorithm), processes
            limits = thresholds(chosen.full_name)
        else:  # one program, asked of one trip after the other
            chosen, cores = stack.enter_context(external_algorithm(exec_, timeout=timeout)), 1
            limits = Thresholds("its own", {})
        result = Sweep(chosen, {BASELINE: limits}, status_meanings(status_means))
        decide(result, export, origin, which.filters, processes=cores)
    _show_sweep(result, result.replay_json, format_, fail_on_worse=fail_on_worse)


@app.command()
@grouped
def sweep(
    *,
    export: Export = None,
    origin: ReadFrom,
    which: Which,
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
    """Compare sets of thresholds on the same past trips: which decides nearest to what people said."""
    from strava_pipeline.trips.activity.rules.replay import Sweep, threshold_sets
    from strava_pipeline.trips.activity.rules.thresholds import thresholds
    from strava_pipeline.trips.activity.rules.verdict import find_algorithm

    chosen = find_algorithm(algorithm)
    sets = threshold_sets(thresholds(chosen.full_name), set_ or (), grid or (), cartesian=cartesian)
    result = Sweep(chosen, sets, status_meanings(status_means))
    decide(result, export, origin, which.filters, processes=processes)
    _show_sweep(result, result.sweep_json, format_, fail_on_worse=fail_on_worse)


def _show_sweep(result: "Sweep", as_json: "Callable[[], object]", format_: Format, *, fail_on_worse: bool) -> None:
    from strava_pipeline.core.json_values import json_bytes
    from strava_pipeline.trips.activity.rules.replay import sweep_text

    emit(iter([json_bytes(as_json()) + b"\n" if format_ is Format.JSON else sweep_text(result).encode()]), None)
    if fail_on_worse and any(counts["worse"] for counts in result.counts.values()):
        raise typer.Exit(DIFFERENCES)
