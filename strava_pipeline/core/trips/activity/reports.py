"""The diagnoses of many trips as one output, part by part: text, JSON, or a page. The same for a source and for its export.

What one trip's report says is report.py's, its JSON diagnosis.py's, its page html.py's.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from strava_pipeline.core.json_text import json_bytes
from strava_pipeline.core.trips.activity.bundle import Bundle
from strava_pipeline.core.trips.activity.columns import WIDTH
from strava_pipeline.core.trips.activity.diagnose import Diagnosed
from strava_pipeline.core.trips.activity.diagnosis import FORMAT
from strava_pipeline.core.trips.activity.html import trips_page
from strava_pipeline.core.trips.activity.report import explanation, overview, trip_report
from strava_pipeline.core.trips.activity.sketch import sketch
from strava_pipeline.core.trips.activity.thresholds import Thresholds

Batches = Iterable[Sequence[Diagnosed]]


def text_parts(batches: Batches, thresholds: Thresholds, *, sketched: bool = False) -> Iterator[bytes]:
    """A report per trip; after several, a line each and the totals."""
    trips: list[tuple[Bundle, Mapping[str, Any]]] = []
    for trip in (trip for batch in batches for trip in batch):
        parts = [trip_report(trip.bundle, trip.told, thresholds, trip.flip)]
        if sketched:
            parts.append(sketch(trip.bundle, thresholds))
        yield (("─" * WIDTH + "\n\n" if trips else "") + "\n".join(parts) + "\n").encode(errors="replace")
        trips.append((replace(trip.bundle, locations=[], feedback=[]), trip.told))  # for points of all there is no room
    if len(trips) != 1:
        yield (("═" * WIDTH + "\n\n" if trips else "") + overview(trips)).encode(errors="replace")


def explanation_parts(batches: Batches, thresholds: Thresholds) -> Iterator[bytes]:
    """Of each trip the verdict, the reasons and what would flip it."""
    for number, trip in enumerate(trip for batch in batches for trip in batch):
        text = explanation(trip.told, thresholds, trip.flip)
        yield f"{'' if number == 0 else chr(10)}{text}\n".encode(errors="replace")


def json_parts(
    batches: Batches,
    thresholds: Thresholds,
    tally: Callable[[], tuple[Mapping[str, int], Mapping[str, Any]]],
) -> Iterator[bytes]:
    """One object. What the tally says (keys_used, counts) is known when all trips were read, so it stands behind them."""
    yield (
        b'{"format":' + json_bytes(FORMAT) + b',"thresholds_version":' + json_bytes(thresholds.version) + b',"trips":['
    )
    between = b"\n"
    for trip in (trip for batch in batches for trip in batch):
        yield between + json_bytes(trip.told)
        between = b",\n"
    keys_used, counts = tally()
    yield b'\n],"keys_used":' + json_bytes(keys_used) + b',"counts":' + json_bytes(counts) + b"}\n"


def page_parts(batches: Batches, thresholds: Thresholds) -> Iterator[bytes]:
    """The page of all of them."""
    trips = [(trip.bundle, trip.told, trip.flip) for batch in batches for trip in batch]
    yield trips_page(trips, thresholds).encode(errors="replace")
