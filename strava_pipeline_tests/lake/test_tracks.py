"""lake.stream_tracks and lake.made.tracks: tracks of streams, made when something of them changed and only then."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from strava_pipeline.core.tables import TRACKS
from strava_pipeline.lake.bronze.answers import stream_files
from strava_pipeline.lake.gold.warehouse import reading, writing
from strava_pipeline.lake.made.tracks import (
    StreamTracks,
    sync_stream_tracks,
    track_origins,
    track_path,
    track_sizes,
    write_track,
)
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.bronze import DAY, NOW, activity, land_streams, listed, merge

START = datetime(2026, 5, 31, 6, tzinfo=UTC)
BODY = json.dumps({"time": {"data": [0, 5]}, "latlng": {"data": [[52.5, 13.4], [52.6, 13.5]]}}).encode()
FILE = "file:abc 0"


@pytest.fixture(scope="module")
def stock(module_lake: Lake) -> Lake:
    """Gold with two activities of 2026, the streams of one of them, and one of 2025."""
    listed(
        module_lake,
        [activity(3, "2026-05-30T06:00:00Z"), activity(4, "2026-05-31T06:00:00Z"), activity(2, "2025-05-05T06:00:00Z")],
    )
    merge(module_lake)
    land_streams(module_lake, 2026, 4, BODY, NOW)
    return module_lake


def synced(lake: Lake, year: int = 2026) -> tuple[int, int, int]:
    with reading(lake) as connection:
        made = sync_stream_tracks(lake, connection, year)
    return made.made, made.removed, made.damaged


def changed(lake: Lake, assignment: str) -> None:
    with writing(lake) as connection:
        connection.execute(f"UPDATE activities_all SET {assignment} WHERE id = 4")


def test_a_track_has_the_catalogue_s_columns_and_the_streams_points(stocked: Lake) -> None:
    assert synced(stocked) == (1, 0, 0)
    track = pl.read_parquet(track_path(stocked, 2026, 4))
    assert dict(track.schema) == TRACKS.polars_schema
    names = ["activity_id", "athlete_id", "source", "part", "point", "recorded_at", "latitude", "longitude"]
    shown = track.select(names).rows()
    assert shown == [
        (4, 7, "strava", 0, 0, START, 52.5, 13.4),
        (4, 7, "strava", 0, 1, START + timedelta(seconds=5), 52.6, 13.5),
    ]
    assert track_sizes(stocked, 2026) == (1, 2)


def test_what_is_in_place_is_left_alone(stocked: Lake) -> None:
    synced(stocked)
    path = track_path(stocked, 2026, 4)
    before = path.stat().st_mtime_ns
    assert synced(stocked) == (0, 0, 0)
    assert path.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("assignment", "made"),
    [
        ("name = 'Edited'", 0),
        ("deleted_at = now()", 0),  # everything that was recorded stays
        ("start_date = TIMESTAMPTZ '2026-05-31 07:00:00+00'", 1),
        ("start_date = NULL", 1),
        ("athlete_id = 8", 1),
    ],
)
def test_a_track_is_made_anew_when_what_it_depends_on_changed(stocked: Lake, assignment: str, made: int) -> None:
    synced(stocked)
    changed(stocked, assignment)
    assert synced(stocked) == (made, 0, 0)
    assert synced(stocked) == (0, 0, 0)


def test_streams_that_were_fetched_again_make_the_track_anew(stocked: Lake) -> None:
    synced(stocked)
    land_streams(stocked, 2026, 4, b'{"time": {"data": [0]}}', NOW + DAY)
    assert synced(stocked) == (1, 0, 0)
    assert track_sizes(stocked, 2026) == (1, 1)


def test_a_track_of_a_file_is_never_replaced(stocked: Lake) -> None:
    write_track(stocked, 2026, 4, 7, "strava", [pl.DataFrame({"watts": [1.0]})], FILE)
    assert synced(stocked) == (0, 0, 0)
    assert track_origins(stocked, 2026) == {4: FILE}


def test_a_track_moves_with_its_activity_to_another_year_and_a_file_s_stays(stocked: Lake) -> None:
    synced(stocked)
    write_track(stocked, 2026, 99, 7, "strava", [pl.DataFrame({"watts": [1.0]})], FILE)
    changed(stocked, "year = 2025")
    assert synced(stocked, 2026) == (0, 1, 0)
    assert synced(stocked, 2025) == (1, 0, 0)
    assert (set(track_origins(stocked, 2025)), track_origins(stocked, 2026)) == ({4}, {99: FILE})


@pytest.mark.parametrize("garbage", [b"", b"no gzip"])
def test_a_damaged_answer_is_set_aside_and_the_track_in_place_stays(stocked: Lake, garbage: bytes) -> None:
    synced(stocked)
    land_streams(stocked, 2026, 4, BODY, NOW + DAY).write_bytes(garbage)
    assert synced(stocked) == (0, 0, 1)
    assert stream_files(stocked)[4].lost
    assert track_sizes(stocked, 2026) == (1, 2)
    assert synced(stocked) == (0, 0, 0), "the answer before it still holds"


@pytest.mark.parametrize("body", [b"{}", b"[]", b"5", b'{"time": {"data": "x"}}'])
def test_streams_without_a_point_are_read_once(stocked: Lake, body: bytes) -> None:
    land_streams(stocked, 2026, 4, body, NOW + DAY)
    assert synced(stocked) == (1, 0, 0)
    assert (track_sizes(stocked, 2026), synced(stocked)) == ((1, 0), (0, 0, 0))


def test_a_damaged_track_is_made_again(stocked: Lake) -> None:
    synced(stocked)
    track_path(stocked, 2026, 4).write_bytes(b"PAR1 and nothing more")
    assert (track_origins(stocked, 2026), track_sizes(stocked, 2026)) == ({}, (0, 0))
    assert synced(stocked) == (1, 0, 0)


@pytest.mark.parametrize("others", [{"source": "garmin"}, {"id": 99}])
def test_only_activities_of_stravas_that_gold_holds_get_one(stocked: Lake, others: dict[str, Any]) -> None:
    changed(stocked, ", ".join(f"{name} = '{value}'" for name, value in others.items()))
    assert synced(stocked) == (0, 0, 0)


def test_every_track_that_is_made_is_told_as_it_is_made(stocked: Lake) -> None:
    land_streams(stocked, 2026, 3, BODY, NOW)
    seen: list[int] = []
    with reading(stocked) as connection:
        report = sync_stream_tracks(stocked, connection, 2026, lambda: seen.append(len(track_origins(stocked, 2026))))
    assert (seen, report) == ([1, 2], StreamTracks(made=2))
