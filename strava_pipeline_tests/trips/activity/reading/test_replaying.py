"""Replays of a source come out the same on any number of processes, of the trips that the filters let through."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.errors import SourceError
from strava_pipeline.core.json_values import json_bytes
from strava_pipeline.core.limits import TripLimits
from strava_pipeline.trips.activity.measuring import Measuring
from strava_pipeline.trips.activity.reading import algorithms
from strava_pipeline.trips.activity.reading.algorithms import decided_of_source
from strava_pipeline.trips.activity.reading.opening import open_source
from strava_pipeline.trips.activity.reading.source import Filters
from strava_pipeline.trips.activity.rules.replay import BASELINE, Sweep, threshold_sets
from strava_pipeline.trips.activity.rules.thresholds import Thresholds, thresholds
from strava_pipeline.trips.activity.rules.verdict import Verdict, find_algorithm
from strava_pipeline_tests.trips.activity.sources import (
    NEW,
    OLD,
    RING,
    odd_trips,
    rides,
    trip,
    write_parquet,
    write_sqlite,
)

ALGORITHM = find_algorithm("2026.1")
NEWEST_FIRST = [f"trip-{number:05}" for number in (*range(22, 0, -1),)]


@pytest.fixture
def source(tmp_path: Path) -> str:
    """The odd trips, and a few rides after them."""
    rows = [*odd_trips(), *(row | {"id": row["id"] + 100, "external_id": f"ride-{row['id']}"} for row in rides(6, 12))]
    return f"sqlite:///{write_sqlite(tmp_path / 'trips.sqlite', rows)}"


def replayed(
    url: str, filters: Filters = Filters(), processes: int = 1, sets: Mapping[str, Thresholds] | None = None
) -> Sweep:
    made = Sweep(ALGORITHM, sets or {BASELINE: thresholds()})
    for batch in decided_of_source(url, RING, filters, made, processes=processes):
        made.count(batch)
    return made


@pytest.mark.dear
@pytest.mark.parametrize("write", [write_sqlite, write_parquet])
def test_a_replay_is_the_same_to_the_byte_on_one_process_and_on_several(
    write: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "trips", [*odd_trips(), *(row | {"id": row["id"] + 100} for row in rides(12, 12))])
    url = f"{write.__name__.removeprefix('write_')}:///{path}"
    alone = {limit: json_bytes(replayed(url, Filters(limit=limit)).replay_json()) for limit in (None, 20)}
    monkeypatch.setattr(algorithms, "SHARE", 7)  # only the process that hands them out asks
    sets = threshold_sets(thresholds(), grids=["max_avg_speed_kmh=10,35", "gap_s=1"])
    for limit, whole in alone.items():
        assert json_bytes(replayed(url, Filters(limit=limit), processes=2).replay_json()) == whole
    alone_swept, swept = (replayed(url, Filters(), processes, sets) for processes in (1, 2))
    assert alone_swept.sweep_json() == swept.sweep_json()
    assert json.loads(alone[None])["totals"]["trips"] == 34


@pytest.mark.dear
def test_a_source_that_vanishes_under_processes_is_told_of(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(algorithms, "SHARE", 7)
    opened = open_source(source)

    def gone_after_the_list(url: str, limits: TripLimits) -> Any:
        Path(url.removeprefix("sqlite:///")).unlink(missing_ok=True)
        return opened

    # in this process; the others open it themselves
    monkeypatch.setattr(algorithms, "open_source", gone_after_the_list)
    with pytest.raises(SourceError, match="there is no file"):
        replayed(source, processes=2)


def test_a_source_that_vanished_is_told_of(source: str) -> None:
    Path(source.removeprefix("sqlite:///")).unlink()
    with pytest.raises(SourceError, match="there is no file"):
        replayed(source)


@pytest.mark.parametrize("processes", [1, 8])
def test_few_trips_start_no_process(source: str, processes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(algorithms, "spread", None)
    assert len(replayed(source, processes=processes).trips) == 28


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ({"external_ids": ("trip-00003", "trip-00001")}, ["trip-00003", "trip-00001"]),
        ({"external_ids": ("trip-00003", "no such")}, ["trip-00003"]),
        ({"external_ids": ("no such",)}, []),
        ({"statuses": ("accepted",), "external_ids": ("trip-00020", "trip-00001")}, ["trip-00001"]),
        ({"limit": 0}, []),
        ({"limit": 2}, ["trip-00022", "trip-00020"]),
        ({"limit": 99, "review_statuses": ("approved",)}, []),
        ({"comments": ("late", "ride_not_detected")}, ["trip-00018", "trip-00013"]),
        ({"comments": ("late", "ride_not_detected"), "limit": 1}, ["trip-00018"]),
        ({"only_with_feedback": True, "external_ids": tuple(NEWEST_FIRST)}, ["trip-00018", "trip-00013", "trip-00019"]),
    ],
)
@pytest.mark.parametrize("processes", [1, 4])
def test_the_trips_are_those_that_the_filters_let_through(
    source: str, processes: int, filters: dict[str, Any], wanted: list[str]
) -> None:
    found = [told.external_id for told in replayed(source, Filters(**filters), processes).trips]
    assert found == wanted


def test_what_stored_statuses_mean_is_taken_along(tmp_path: Path) -> None:
    url = f"sqlite:///{write_sqlite(tmp_path / 'trips.sqlite', [trip(1, status='done')])}"
    means = {"done": Verdict.ACCEPTED}
    (batch,) = decided_of_source(url, RING, Filters(), Sweep(ALGORITHM, {BASELINE: thresholds()}, means), processes=1)
    assert [told.old for told in batch.sets[0]] == [Verdict.ACCEPTED]


def test_keys_do_not_stand_in_what_is_handed_to_other_processes_as_text() -> None:
    told = repr(partial(print, RING, Measuring(RING, TripLimits())))
    assert NEW not in told
    assert OLD not in told
