"""The verbs that look at activity trips: export, diagnose, analyze, explain. What they say is core's, so a file says the same."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from strava_pipeline.verbs.output import echo
from strava_pipeline.verbs.private_file import check_private, emit, write_private
from strava_pipeline.verbs.trips_options import (
    Comments,
    ExportFormat,
    ExternalIds,
    Format,
    FormatOption,
    KeysEnv,
    KeysFile,
    Limit,
    OnlyWithFeedback,
    Out,
    ReviewStatuses,
    Source,
    Statuses,
    StatusMeans,
    batches_of,
    file_alone,
    filters_of,
    meanings,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from strava_pipeline.core.trips.activity.bundle import Bundle
    from strava_pipeline.core.trips.activity.diagnosis import Diagnosed
    from strava_pipeline.core.trips.activity.verdict import Verdict

Sketch = Annotated[
    bool, typer.Option("--sketch", help="Add a line of the speed and a picture of the track, in metres.")
]
Html = Annotated[
    Path | None,
    typer.Option(help="Write one page with charts and tracks (mode 0600) to this file.", show_default=False),
]
PAGE_TRIPS = 500  # on one page; 500 of 80 points make some 30 MB


def export(
    source: Source = None,
    keys_file: KeysFile = None,
    keys_env: KeysEnv = None,
    external_id: ExternalIds = None,
    status: Statuses = None,
    review_status: ReviewStatuses = None,
    only_with_feedback: OnlyWithFeedback = False,
    comment: Comments = None,
    limit: Limit = None,
    format_: ExportFormat = Format.JSON,
    probe: Annotated[
        bool, typer.Option("--probe", help="Only counts and the latest trip's plain fields; no key.")
    ] = False,
    out: Out = None,
) -> None:
    """Write decrypted trips as a JSON array. It holds positions: keep it to yourself."""
    from strava_pipeline.core.errors import MisuseError
    from strava_pipeline.core.json_text import json_bytes

    filters = filters_of(external_id, status, review_status, only_with_feedback, comment, limit)
    if format_ is Format.TEXT:
        raise MisuseError("An export is JSON. For reading: `trips activity diagnose`.")
    if probe:
        if filters != type(filters)():
            raise MisuseError("--probe counts everything; filters choose what is exported.")
        from strava_pipeline.ingest.trips.connect import trip_source
        from strava_pipeline.ingest.trips.read import probe as look
        from strava_pipeline.settings import Settings

        with trip_source(Settings.load(), source) as opened:
            told = look(opened).as_json()
        emit(iter([json_bytes(told) + b"\n"]), out)
        return
    with batches_of(source, keys_file, keys_env, filters) as batches:
        emit(_array(bundle for batch in batches for bundle in batch), out)


def diagnose(
    source: Source = None,
    keys_file: KeysFile = None,
    keys_env: KeysEnv = None,
    external_id: ExternalIds = None,
    status: Statuses = None,
    review_status: ReviewStatuses = None,
    only_with_feedback: OnlyWithFeedback = False,
    comment: Comments = None,
    limit: Limit = None,
    format_: FormatOption = Format.TEXT,
    sketch: Sketch = False,
    html: Html = None,
    status_means: StatusMeans = None,
    out: Out = None,
) -> None:
    """Fetch, decrypt, measure, judge and explain trips."""
    filters = filters_of(external_id, status, review_status, only_with_feedback, comment, limit)
    at_most = None if html is None else PAGE_TRIPS
    with batches_of(source, keys_file, keys_env, filters, at_most=at_most) as batches:
        _report(batches, format_, meanings(status_means), sketched=sketch, html=html, out=out)


def analyze(
    export: Annotated[Path, typer.Argument(help="A file that `export` wrote.", metavar="EXPORT.json")],
    format_: FormatOption = Format.TEXT,
    sketch: Sketch = False,
    html: Html = None,
    status_means: StatusMeans = None,
    out: Out = None,
) -> None:
    """The report of `diagnose` from an exported file: no source, no key."""
    from strava_pipeline.ingest.trips.export_file import read_export

    _report(read_export(export), format_, meanings(status_means), sketched=sketch, html=html, out=out)


def explain(
    export: Annotated[
        Path | None, typer.Argument(help="A file that `export` wrote, instead of a source.", metavar="EXPORT.json")
    ] = None,
    source: Source = None,
    keys_file: KeysFile = None,
    keys_env: KeysEnv = None,
    external_id: ExternalIds = None,
    format_: FormatOption = Format.TEXT,
    out: Out = None,
) -> None:
    """Verdict, reasons with the numbers that decided, and the smallest change that would flip it; of chosen trips."""
    from strava_pipeline.core.errors import MisuseError
    from strava_pipeline.core.trips.activity.diagnosis import diagnose as diagnosed
    from strava_pipeline.core.trips.activity.report import explanation_parts, json_parts
    from strava_pipeline.core.trips.activity.thresholds import thresholds
    from strava_pipeline.ingest.trips.export_file import read_export
    from strava_pipeline.ingest.trips.read import Tally
    from strava_pipeline.ingest.trips.table import Filters

    if not external_id:
        raise MisuseError("Which trip? --external-id names one, and may be repeated.")
    wanted = set(external_id)
    if export is not None:
        file_alone(source, keys_file, keys_env)
        bundles = [bundle for batch in read_export(export) for bundle in batch if bundle.external_id in wanted]
    else:
        with batches_of(source, keys_file, keys_env, Filters(external_ids=tuple(external_id))) as batches:
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
    from strava_pipeline.core.trips.activity.diagnosis import diagnose as diagnosed
    from strava_pipeline.core.trips.activity.report import json_parts, page_parts, text_parts
    from strava_pipeline.core.trips.activity.thresholds import thresholds
    from strava_pipeline.ingest.trips.connect import trip_routes
    from strava_pipeline.ingest.trips.read import Tally
    from strava_pipeline.settings import Settings

    if sketched and format_ is Format.JSON:
        raise MisuseError("--sketch is drawn in text; with --format json there is nothing to draw it in.")
    for path in filter(None, (html, out)):
        check_private(path)
    limits, tally = thresholds(), Tally()
    shown: list[list[Diagnosed]] = []

    def told() -> "Iterator[list[Diagnosed]]":
        for batch in batches:
            tally.add(batch)
            found = diagnosed(batch, limits, routes(batch), statuses)
            if html is not None:
                shown.append(found)
                if tally.trips > PAGE_TRIPS:
                    raise MisuseError(f"A page holds {PAGE_TRIPS} trips; choose some, as with --limit {PAGE_TRIPS}.")
            yield found

    with trip_routes(Settings.load()) as routes:
        if format_ is Format.JSON:
            emit(json_parts(told(), limits, lambda: (tally.keys_used, tally.counts)), out)
        else:
            emit(text_parts(told(), limits, sketched=sketched), out)
    if html is not None:
        write_private(html, page_parts(shown, limits))
        echo(f"The page: {html}", err=True)


def _array(bundles: "Iterable[Bundle]") -> Iterator[bytes]:
    """A JSON array, a trip a line."""
    from strava_pipeline.core.json_text import json_bytes

    between = b"[\n"
    for bundle in bundles:
        yield between + json_bytes(bundle.as_json())
        between = b",\n"
    yield b"[]\n" if between == b"[\n" else b"\n]\n"
