"""lake.trips: what is kept of activity trips comes, changes and is marked, and outlives the warehouse."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.rows import frame
from strava_pipeline.core.years import YearRange
from strava_pipeline.lake.gold.notes import MADE, forget, note, revision
from strava_pipeline.lake.gold.warehouse import Connection, reading, writing
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.rebuild import rebuild
from strava_pipeline.trips.activity import keeping
from strava_pipeline.trips.activity.keeping import SaveReport, compact, files_of, merge, save_trips, saved_trips
from strava_pipeline.trips.activity.tables import TRIP_DIAGNOSTICS, TRIP_INDEX
from strava_pipeline_tests.examples import examples
from strava_pipeline_tests.lake.bronze import Watched

AT = datetime(2026, 3, 10, tzinfo=UTC)
LATER = AT + timedelta(days=1)


def trips(verdicts: dict[str, str], year: int = 2026, reasons: tuple[str, ...] = ("gaps",)) -> pl.DataFrame:
    values: dict[str, list[Any]] = {
        "external_id": list(verdicts),
        "year": [year] * len(verdicts),
        "verdict": list(verdicts.values()),
        "reasons": [list(reasons)] * len(verdicts),
        "haversine_m": [1234.5] * len(verdicts),
    }
    return frame(values, TRIP_DIAGNOSTICS)


def held(lake: Lake) -> dict[str, tuple[str, bool, datetime]]:
    rows = saved_trips(lake, TRIP_DIAGNOSTICS).select("external_id", "verdict", "deleted_at", "fetched_at").rows()
    return {name: (verdict, deleted is not None, at) for name, verdict, deleted, at in rows}


def merged(lake: Lake) -> dict[str, tuple[str, bool]]:
    with writing(lake) as connection:
        merge(connection, lake)
    return in_gold(lake)


def in_gold(lake: Lake) -> dict[str, tuple[str, bool]]:
    with reading(lake) as connection:
        rows = connection.execute(
            "SELECT external_id, verdict, deleted_at IS NOT NULL FROM trip_diagnostics"
        ).fetchall()
    return {name: (verdict, deleted) for name, verdict, deleted in rows}


def test_a_row_that_says_the_same_stays_as_it_is(lake: Lake) -> None:
    assert save_trips(lake, TRIP_DIAGNOSTICS, trips({"a": "accepted", "b": "rejected"}), AT) == SaveReport(2, 0, 0)
    assert save_trips(lake, TRIP_DIAGNOSTICS, trips({"a": "accepted", "b": "accepted"}), LATER) == SaveReport(0, 1, 0)
    assert held(lake) == {"a": ("accepted", False, AT), "b": ("accepted", False, LATER)}


@pytest.mark.parametrize("other", [{"reasons": ("gaps", "teleports")}, {"year": 2025}])
def test_a_row_that_says_something_else_in_any_column_is_another(lake: Lake, other: dict[str, Any]) -> None:
    save_trips(lake, TRIP_DIAGNOSTICS, trips({"a": "accepted"}), AT)
    assert save_trips(lake, TRIP_DIAGNOSTICS, trips({"a": "accepted"}, **other), LATER) == SaveReport(0, 1, 0)


def test_what_its_source_forgot_is_marked_once_and_comes_back(lake: Lake) -> None:
    save_trips(lake, TRIP_DIAGNOSTICS, trips({"a": "accepted", "b": "rejected"}), AT)
    assert save_trips(lake, TRIP_DIAGNOSTICS, trips({"b": "rejected"}), LATER, gone={"a"}) == SaveReport(0, 0, 1)
    assert save_trips(lake, TRIP_DIAGNOSTICS, trips({}), LATER, gone={"a"}) == SaveReport(0, 0, 0)
    assert held(lake) == {"a": ("accepted", True, LATER), "b": ("rejected", False, AT)}
    assert save_trips(lake, TRIP_DIAGNOSTICS, trips({"a": "accepted"}), LATER) == SaveReport(0, 1, 0)
    assert held(lake)["a"] == ("accepted", False, LATER)


def test_merging_follows_and_changes_nothing_the_second_time(lake: Lake) -> None:
    def merge_once(connection: Connection) -> tuple[bool, str]:
        return merge(connection, lake).wrote, revision(connection)

    save_trips(lake, TRIP_DIAGNOSTICS, trips({"a": "accepted", "b": "rejected"}), AT)
    with writing(lake) as connection:
        wrote, at = merge_once(connection)
        assert wrote
        assert merge_once(connection) == (False, at)
    save_trips(lake, TRIP_DIAGNOSTICS, trips({"b": "accepted"}), LATER, gone={"a"})
    with writing(lake) as connection:
        assert merge_once(connection)[0]
    assert in_gold(lake) == {"a": ("accepted", True), "b": ("accepted", False)}


@pytest.mark.slow
def test_a_rebuild_brings_them_back_without_their_source(lake: Lake) -> None:
    save_trips(lake, TRIP_DIAGNOSTICS, trips({"a": "accepted"}), AT)
    with writing(lake) as connection:
        merge(connection, lake)
    lake.working.unlink()
    rebuild(lake, YearRange(2024, 2026), Watched())
    assert in_gold(lake) == {"a": ("accepted", False)}


def test_a_file_of_other_columns_is_read_as_far_as_it_goes(lake: Lake) -> None:
    lake.trips.mkdir(parents=True)
    old = pl.DataFrame({"external_id": ["a"], "year": [2026], "no longer": [1]})
    old.write_parquet(lake.trips / "trip_index.parquet")
    assert saved_trips(lake, TRIP_INDEX).select("external_id", "year", "status").rows() == [("a", 2026, None)]


def test_a_damaged_file_is_named_and_nothing_is_replaced(lake: Lake) -> None:
    save_trips(lake, TRIP_DIAGNOSTICS, trips({"a": "accepted"}), AT)
    path = lake.trips / "trip_diagnostics.parquet"
    path.write_bytes(b"PAR1 no more")
    with pytest.raises(PipelineError, match=r"trip_diagnostics\.parquet can't be read"):
        save_trips(lake, TRIP_DIAGNOSTICS, trips({"b": "rejected"}), LATER)
    assert path.read_bytes() == b"PAR1 no more"


VERDICTS = st.sampled_from(["accepted", "rejected", None])  # None: the source no longer has the trip
RUNS = st.lists(st.tuples(st.integers(-400, 400), st.dictionaries(st.sampled_from("abc"), VERDICTS)), max_size=8)


@pytest.mark.slow
@settings(max_examples=examples(25))
@given(RUNS)
def test_what_the_newest_run_saved_is_shown_however_the_clock_went(runs: list[tuple[int, dict[str, Any]]]) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        patched.setattr(keeping, "MANY", 3)
        lake, source = Lake(Path(folder)), dict[str, tuple[str, bool]]()
        for days, read in runs:
            there = {name: verdict for name, verdict in read.items() if verdict}
            gone = {name for name in read.keys() - there.keys() if name in source}
            save_trips(lake, TRIP_DIAGNOSTICS, trips(there), AT + timedelta(days), gone=gone)
            source |= {name: (verdict, False) for name, verdict in there.items()}
            source |= {name: (source[name][0], True) for name in gone}
            assert merged(lake) == source
            compact(lake)
        lake.working.unlink(missing_ok=True)
        assert merged(lake) == source


def test_rows_that_an_earlier_version_left_out_for_their_time_are_shown_by_the_next_run(lake: Lake) -> None:
    save_trips(lake, TRIP_DIAGNOSTICS, trips({"a": "accepted", "b": "accepted"}), LATER)
    merged(lake)
    save_trips(lake, TRIP_DIAGNOSTICS, trips({"a": "rejected"}), AT, gone={"b"})
    (_, newest) = files_of(lake, TRIP_DIAGNOSTICS)
    with writing(lake) as connection:  # as it noted files that it had merged
        forget(connection, MADE)
        note(connection, f"{MADE}trip_rows:trip_diagnostics", newest.stem)
    assert merged(lake) == {"a": ("rejected", False), "b": ("accepted", True)}
    with writing(lake) as connection:
        assert not merge(connection, lake).wrote


def test_files_of_a_backup_are_merged_though_later_ones_were(lake: Lake) -> None:
    save_trips(lake, TRIP_DIAGNOSTICS, trips({"a": "accepted"}), AT)
    merged(lake)
    save_trips(lake, TRIP_DIAGNOSTICS, trips({"a": "rejected"}), LATER)
    merged(lake)
    files_of(lake, TRIP_DIAGNOSTICS)[-1].unlink()
    assert merged(lake) == {"a": ("accepted", False)}
