"""What is read run by run is what one reading of the whole source gives, whatever came, changed and went in between."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strava_pipeline.core.errors import PipelineError, SourceError
from strava_pipeline.core.limits import TripLimits
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import machine_clock, utc_now
from strava_pipeline.lake.copied import find, lost_files
from strava_pipeline.lake.gold.warehouse import reading
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.trips.activity import measuring, readings, trip_reading
from strava_pipeline.trips.activity.keeping import MANY, files_of, saved_trips
from strava_pipeline.trips.activity.operations import TripsRead, read_trips, replay_trips
from strava_pipeline.trips.activity.reading.connect import trip_keys
from strava_pipeline.trips.activity.reading.opening import open_source
from strava_pipeline.trips.activity.reading.read import read_bundles
from strava_pipeline.trips.activity.reading.source import TripSource
from strava_pipeline.trips.activity.rules.replay import BASELINE, Sweep
from strava_pipeline.trips.activity.rules.thresholds import thresholds
from strava_pipeline.trips.activity.rules.verdict import ALGORITHMS
from strava_pipeline.trips.activity.tables import TRIP_DIAGNOSTICS, TRIP_INDEX, TRIP_REPLAY
from strava_pipeline.verbs.options import context_without_run
from strava_pipeline_tests import postgres
from strava_pipeline_tests.examples import examples
from strava_pipeline_tests.osrm import Osrm
from strava_pipeline_tests.trips.activity.sources import (
    LOST,
    NEW,
    OLD,
    Row,
    feedback,
    points,
    sealed,
    telling_trips,
    write_parquet,
    write_postgres,
    write_sqlite,
)
from strava_pipeline_tests.trips.activity.world import ride

pytestmark = pytest.mark.slow
_HEADERS, _BLOCK = 3 * 4096, 1 << 18  # bytes of a DuckDB file


@dataclass
class World:
    """A source, its keys, and the data folder that follows it."""

    folder: Path
    rows: dict[int, Row] = field(default_factory=dict)
    keys: tuple[str, ...] = (NEW, OLD)
    limits: TripLimits = field(default_factory=TripLimits)
    url: str = ""
    osrm: str | None = None
    ahead: timedelta = timedelta()  # this machine's clock, against the true time

    def write(self) -> None:
        """The source as a new SQLite file."""
        path = self.folder / "trips.sqlite"
        path.unlink(missing_ok=True)
        self.url = f"sqlite:///{write_sqlite(path, self.rows.values())}"

    def settings(self, data: str = "data") -> Settings:
        keys = self.folder / "keys.json"
        keys.touch(mode=0o600)
        keys.write_text(json.dumps({"keys": self.keys}))
        told = {"trips_source": self.url, "trips_keys_file": keys, "trip_limits": self.limits, "first_year": 2022}
        return Settings.load(data_dir=self.folder / data, trips_osrm_url=self.osrm, **told)

    def context(self, settings: Settings) -> RunContext:
        return replace(context_without_run(settings), clock=machine_clock(now=lambda: utc_now() + self.ahead))

    def run(self, *years: int, data: str = "data", **how: Any) -> TripsRead:
        """Read these years, all unless said; what the diagnostics reported."""
        settings = self.settings(data)
        run = self.context(settings)
        how = {"allow_shrink": True} | how
        (_, diagnosed) = read_trips(run, settings, years or run.years.all, **how)
        (numbers,) = diagnosed.numbers or ()
        assert isinstance(numbers, TripsRead)
        return numbers

    def replay(self, data: str = "data") -> dict[str, Any]:
        settings = self.settings(data)
        replay_trips(self.context(settings), settings)
        (row,) = saved_trips(Lake(settings.data_dir), TRIP_REPLAY).drop("fetched_at").to_dicts()
        return row

    def kept(self, data: str = "data") -> list[list[dict[str, Any]]]:
        """The rows that aren't deleted, as saved and as merged."""
        lake = Lake(self.folder / data)
        saved = [
            saved_trips(lake, table).drop("fetched_at").sort("external_id") for table in (TRIP_INDEX, TRIP_DIAGNOSTICS)
        ]
        with reading(lake) as connection:
            for table, rows in zip(("trip_index", "trip_diagnostics"), saved, strict=True):
                merged = connection.execute(
                    f"SELECT * EXCLUDE (fetched_at) FROM {table} ORDER BY external_id"
                ).fetchall()
                assert [row[:5] for row in merged] == [row[:5] for row in rows.rows()]
                assert [row[-1] for row in merged] == [row[-1] for row in rows.rows()]
        return [[row for row in rows.to_dicts() if row["deleted_at"] is None] for rows in saved]

    def check_whole(self, name: str = "whole") -> None:
        """Assert that there is nothing left to read, and that a new data folder comes to the same."""
        mine, whole = self.run(), self.run(data=name)
        assert (mine.read, mine.keys_used, mine.payloads_by_state) == (0, whole.keys_used, whole.payloads_by_state)
        assert self.kept() == self.kept(name)
        assert self.replay() == self.replay(name)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.chdir(tmp_path)
    made = World(tmp_path, {number: a_ride(number) for number in range(1, 6)})
    made.write()
    return made


def a_ride(number: int, **columns: Any) -> Row:
    return ride(number, 2022 + number % 3, locations=sealed(points(5, number)), **columns)


NUMBERS = st.integers(1, 4)
COLUMNS_DRAWN: dict[str, st.SearchStrategy[Any]] = {
    "external_id": st.sampled_from([None, "", "twice", "ride-1", "ride-2"]),
    "status": st.sampled_from(["accepted", "rejected", "pending", None]),
    "review_status": st.sampled_from(["approved", "rejected", None]),
    "start_time": st.sampled_from(["2022-05-01T08:00:00Z", "2024-05-01 08:00:00+02:00", "no time", None]),
    "created_at": st.sampled_from(["2023-05-01T08:00:00Z", None]),
    "location_count": st.sampled_from([None, 0, 5, 20.5, 10**12]),
    "locations": st.sampled_from([NEW, OLD, LOST]).map(lambda by: sealed(points(6), by))
    | st.sampled_from([None, "", "no token", sealed(b"["), sealed([])]),
    "user_feedback": st.sampled_from([NEW, LOST]).map(lambda by: sealed([feedback("not_bike")], by)) | st.none(),
}
CHANGES = st.one_of(
    st.tuples(st.just("insert"), NUMBERS, st.just(None)),
    st.tuples(st.just("delete"), NUMBERS, st.just(None)),
    st.tuples(st.just("seal again"), NUMBERS, st.sampled_from([NEW, OLD, LOST])),
    st.tuples(st.just("keys"), st.just(0), st.permutations([NEW, OLD, LOST])),
    st.tuples(st.just("limit"), st.sampled_from([900, 1_200, 10**8]), st.just(None)),
    st.tuples(st.just("run a year"), st.sampled_from([2022, 2023, 2024]), st.just(None)),
    st.tuples(st.just("replay"), st.just(0), st.just(None)),
    st.tuples(st.just("clock"), st.integers(-48, 48), st.just(None)),
    st.sampled_from([*COLUMNS_DRAWN]).flatmap(lambda name: st.tuples(st.just(name), NUMBERS, COLUMNS_DRAWN[name])),
)


def change(world: World, what: str, number: int, value: Any) -> None:
    if what == "insert":
        world.rows.setdefault(number, a_ride(number))
    elif what == "delete":
        world.rows.pop(number, None)
    elif what == "keys":
        world.keys = tuple(value)
    elif what == "limit":
        world.limits = TripLimits(column_bytes=number)
    elif what == "clock":
        world.ahead = timedelta(hours=number)
    elif what == "run a year":
        world.write()
        world.run(number)
    elif what == "replay":
        world.write()
        world.replay()  # of what the last run listed, or of another file
    elif number in world.rows and what == "seal again":
        world.rows[number]["locations"] = sealed(points(5, number), value)
    elif number in world.rows:
        world.rows[number][what] = value


@settings(max_examples=examples(24))
@given(st.lists(st.lists(CHANGES, min_size=2, max_size=6), min_size=1, max_size=3))
def test_run_by_run_comes_to_the_same_as_a_whole_reading(days: list[list[tuple[str, int, Any]]]) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        world = World(Path(folder), {number: a_ride(number) for number in (1, 2, 3)})
        world.write()
        for day in days:
            world.run()
            for each in day:
                change(world, *each)
            world.write()
        world.run()
        world.check_whole()


def test_only_what_is_new_or_changed_is_read(world: World) -> None:
    assert (world.run().read_new, world.run().read) == (5, 0)
    world.rows[1]["status"] = "rejected"
    world.rows[2]["locations"] = sealed(points(5, 2))  # the same points
    world.rows[6] = a_ride(6)
    world.write()
    found = world.run()
    assert (found.listed, found.unchanged, found.read_new, found.read_changed, found.read_again) == (6, 3, 1, 2, 0)
    assert (found.changed.inserted, found.changed.updated) == (1, 1)  # the verdict that is stored
    assert str(found) == "6 trips listed, 3 read; 1 new; 2 changed"
    assert str(world.run()) == "nothing new in 6 trips"
    assert world.run(again=True).read_again == 6
    world.check_whole()


def test_a_file_that_did_not_change_is_not_opened(world: World) -> None:
    world.run()
    path = world.folder / "trips.sqlite"
    seen, content = path.stat(), path.read_bytes()
    path.write_bytes(bytes(len(content)))
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert (world.run().read, world.replay()["trips"]) == (0, 5)
    os.utime(path)
    with pytest.raises(SourceError):
        world.run()


def test_what_can_not_be_opened_is_tried_again_when_a_key_comes_and_not_before(world: World) -> None:
    world.rows[1]["locations"] = sealed(points(5, 1), LOST)
    world.write()
    world.run()
    world.keys = (OLD, NEW)
    assert world.run().read == 0
    world.keys = (NEW, LOST, OLD)
    assert world.run().read_again == 1
    world.check_whole()


def test_a_key_that_is_no_longer_there_changes_no_trip_and_is_told(world: World) -> None:
    world.rows[1]["locations"] = sealed(points(5, 1), OLD)
    world.write()
    world.run()
    before = world.kept()
    world.keys = (NEW,)
    found = world.run()
    assert (found.read, found.keys_missing, found.keys_used) == (0, 1, {"0": 4})
    assert str(found) == "nothing new in 5 trips; 1 of a key that is no longer there, kept as read"
    assert world.run(again=True).read == 4
    assert world.kept() == before
    world.keys = (OLD, NEW)
    world.run()
    world.check_whole()


def test_other_thresholds_read_all_of_the_years_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.run()
    for module in (trip_reading, measuring):
        monkeypatch.setattr(module, "thresholds", lambda *_: thresholds().with_values({"min_points": 3}))
    assert world.run(2022).read_again == 1
    assert world.run().read_again == 4
    world.check_whole()


def test_a_route_is_asked_for_once_and_again_only_where_no_answer_came(world: World, osrm_server: Osrm) -> None:
    world.osrm = osrm_server.url
    osrm_server.answers += [(503, b""), (200, b'{"code": "NoRoute"}')]
    world.run()
    asked = len(osrm_server.paths)
    assert world.run().read_changed == 1
    assert len(osrm_server.paths) == asked + 1
    world.rows[3]["status"] = "rejected"
    world.write()
    world.run(again=True)
    assert len(osrm_server.paths) == asked + 1
    lengths = saved_trips(Lake(world.folder / "data"), TRIP_DIAGNOSTICS).sort("external_id")["distance_route_m"]
    assert sorted(lengths.to_list(), key=str) == [1000.5] * 4 + [None]
    world.rows.pop(3)
    world.write()
    world.run()
    with readings.opened_readings(Lake(world.folder / "data")) as held:
        assert (held.answers(["ride-3"]), len(held.answers(["ride-1", "ride-2", "ride-4", "ride-5"]))) == ({}, 4)


def test_other_bytes_behind_the_same_head_and_length_are_found_within_thirty_days(world: World) -> None:
    world.run()
    token = world.rows[1]["locations"]
    world.rows[1]["locations"] = f"{token[:-8]}{'A' * 6}=="
    world.write()
    settings = world.settings()
    run = context_without_run(settings)
    scope, salt, names = (
        readings.Scope(run.years.all, run.years),
        trip_reading._salt(settings),
        trip_keys(settings).names,
    )
    with readings.opened_readings(run.lake) as held, open_source(world.url) as source:
        held.list_trips(source, "listed", lambda _: None)
        assert held.find_due(scope, salt, names) == {}
        for day in range(1, 31):
            held.compare_in_turn(source, scope, date(2026, 6, day))
        assert held.find_due(scope, salt, names) == {"changed": 1}


def test_rows_of_trips_that_are_gone_are_marked_and_all_else_about_them_is_forgotten(world: World) -> None:
    world.run()
    hashed = world.replay()["input_hash"]
    del world.rows[1]
    world.write()
    assert world.run(allow_shrink=False).changed.deleted == 1
    replayed = world.replay()
    assert (replayed["trips"], replayed["input_hash"] == hashed) == (4, False)
    rows = saved_trips(Lake(world.folder / "data"), TRIP_INDEX)
    assert rows.filter(rows["deleted_at"].is_not_null())["external_id"].to_list() == ["ride-1"]
    world.check_whole()


def test_where_the_later_of_two_trips_with_one_external_id_goes_the_other_one_counts(world: World) -> None:
    world.rows |= {number: a_ride(number, external_id="twice") for number in (6, 7)}
    world.write()
    world.run()
    del world.rows[7]
    world.write()
    assert (world.run().changed.updated, world.kept()[0][-1]["trip_id"]) == (1, "6")
    world.check_whole()


def test_the_replay_is_that_of_one_reading(world: World) -> None:
    world.rows |= {number: a_ride(number, external_id="twice") for number in (6, 7)}
    world.rows[1]["review_status"], world.rows[2]["user_feedback"] = "approved", sealed([feedback("not_bike")])
    world.write()
    world.run(2022)
    found = world.replay()
    whole = Sweep(ALGORITHMS[-1], {BASELINE: thresholds()})
    with open_source(world.url) as source:
        for batch in read_bundles(source, trip_keys(world.settings())):
            whole.add(batch)
    totals = whole.totals()
    assert (found["input_hash"], found["trips"], found["labelled"]) == (whole.input_hash, 7, 2)
    assert [found[name] for name in ("better", "same", "worse", "changed")] == [
        totals[name] for name in ("better", "same", "worse", "changed")
    ]


def test_a_replay_that_reads_first_leaves_the_rows_to_the_next_run(world: World) -> None:
    world.run()
    world.rows[1]["status"] = "rejected"
    world.write()
    world.replay()
    assert world.run().read == 1
    assert {row["external_id"]: row["status"] for row in world.kept()[0]}["ride-1"] == "rejected"
    world.check_whole()


def test_what_was_read_is_made_again_where_it_was_lost_or_its_rows_were_deleted(world: World) -> None:
    world.run()
    lake = Lake(world.folder / "data")
    kept = world.kept()
    fetched = saved_trips(lake, TRIP_INDEX).sort("external_id")
    lake.trip_readings.write_bytes(b"no database")
    assert (world.run().read, world.kept()) == (5, kept)
    assert saved_trips(lake, TRIP_INDEX).sort("external_id").equals(fetched)
    for path in files_of(lake, TRIP_INDEX):
        path.unlink()
    assert (world.run().read, world.kept()) == (5, kept)


@pytest.mark.dear
def test_a_damaged_block_is_met_once_whichever_it_is_and_said(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.run()
    path = Lake(world.folder / "data").trip_readings
    met = list[int]()
    for number in range(1, 1 + path.stat().st_size // _BLOCK):
        block = _HEADERS + (number - 1) * _BLOCK
        with path.open("r+b") as file:
            file.seek(block + 999)
            file.write(b"damaged!")
        caplog.clear()
        if number % 2:
            assert world.replay()["trips"] == 5
        world.rows[number % 5 + 1]["distance_meters"] = 700.0 + number
        world.write()
        assert world.run().listed == 5
        said = [each.getMessage() for each in caplog.records if "can't be read" in each.getMessage()]
        assert said == [f"{path} can't be read. It is set aside, and made anew."][: len(said)]
        met += [number] * len(said)
        assert path.with_suffix(".damaged").exists() == bool(met)
        if {number % 2 for number in met} == {0, 1}:
            break
    assert {number % 2 for number in met} == {0, 1}, "both a run and a replay met one"
    world.check_whole()


@pytest.mark.parametrize("error", [duckdb.OutOfMemoryException, duckdb.IOException, duckdb.ParserException])
def test_no_other_error_sets_the_file_aside(world: World, error: type[duckdb.Error]) -> None:
    world.run()
    lake = Lake(world.folder / "data")
    before = lake.trip_readings.stat()

    def use(held: readings.Readings) -> None:
        held.listed()
        raise error("full")

    with pytest.raises(error):
        readings.with_readings(lake, use)
    after = lake.trip_readings.stat()
    assert (after.st_ino, after.st_size) == (before.st_ino, before.st_size)


def test_a_file_that_another_program_has_open_is_left_as_it_is(world: World) -> None:
    world.run()
    path = Lake(world.folder / "data").trip_readings
    holding = f"import duckdb, sys; held = duckdb.connect({str(path)!r}); print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", holding], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(PipelineError, match="open in another program"):
            world.run()
        holder.kill()
    assert world.run().read == 0


def test_the_files_of_earlier_versions_are_read_and_joined_with_new_ones(world: World) -> None:
    world.run()
    lake = Lake(world.folder / "data")
    for table in (TRIP_INDEX, TRIP_DIAGNOSTICS):
        (path,) = files_of(lake, table)
        path.rename(lake.trips / f"{table.name}.parquet")
    lake.working.unlink()
    lake.trip_readings.unlink()
    copied = find(lake, "own").files
    for day in range(2 * MANY):
        world.rows[1 + day % 5]["distance_meters"] = 700.0 + day
        world.write()
        world.run()
    gone = copied.keys() - find(lake, "own").files.keys()
    assert (len(gone), lost_files(lake, gone)) == (2, [])  # the second copy takes joined files for no loss
    assert len(files_of(lake, TRIP_INDEX)) <= MANY + 1
    assert len(files_of(lake, TRIP_DIAGNOSTICS)) <= MANY + 1
    lake.working.unlink()  # all files are merged again
    world.run()
    world.check_whole()


KILLED = """
import sys
from strava_pipeline.environment.settings import Settings
from strava_pipeline.trips.activity import operations, readings, trip_reading
from strava_pipeline.verbs.options import context_without_run
trip_reading.BATCH, trip_reading.WORTH_A_PROCESS, readings._AT_ONCE = 1, 1, 20
operations.read_trips(context_without_run(settings := Settings.load(first_year=2022)), settings, range(2022, 2027))
"""


def reader_at_work(world: World, processes: int) -> "subprocess.Popen[str]":
    """A process that has read some of 300 trips."""
    world.rows = {number: a_ride(number) for number in range(1, 301)}
    world.rows[299]["user_feedback"] = "no token"
    world.write()
    settings = world.settings()
    environment = os.environ | {
        "TRIPS_SOURCE": world.url, "TRIPS_KEYS_FILE": str(settings.trips_keys_file), "STRAVA_DATA_DIR": str(settings.data_dir),
        "TRIPS_PROCESSES": str(processes),
    }  # fmt: skip
    reader = subprocess.Popen([sys.executable, "-c", KILLED], env=environment, stderr=subprocess.PIPE, text=True)
    while reader.poll() is None and len(files_of(Lake(settings.data_dir), TRIP_DIAGNOSTICS)) < 3:
        time.sleep(0.01)
    return reader


def its_processes(reader: "subprocess.Popen[str]") -> list[Path]:
    """Of the processes that read trips for it, their folders in /proc."""
    children = Path(f"/proc/{reader.pid}/task/{reader.pid}/children").read_text().split()
    folders = [Path("/proc", child) for child in children]
    return [folder for folder in folders if b"spawn_main" in (folder / "cmdline").read_bytes()]


@pytest.mark.parametrize("processes", [1, 2])
def test_a_killed_reading_goes_on_where_it_was(world: World, processes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readings, "_AT_ONCE", 20)
    reader = reader_at_work(world, processes)
    helping = its_processes(reader)
    assert len(helping) == (processes if processes > 1 else 0)
    for folder in helping:
        held = (folder / "environ").read_bytes() + (folder / "cmdline").read_bytes()
        assert not [key for key in (NEW, OLD) if key.encode() in held]
    reader.kill()
    reader.communicate(timeout=120)  # the processes that had its output are gone, too
    assert reader.returncode == -signal.SIGKILL
    saved = saved_trips(Lake(world.folder / "data"), TRIP_DIAGNOSTICS).height
    assert 300 - saved <= world.run().read <= 300 - saved + 20
    world.check_whole()


def test_a_killed_process_of_a_reading_ends_it_with_a_sentence_and_the_next_run_goes_on(world: World) -> None:
    reader = reader_at_work(world, 2)
    os.kill(int(its_processes(reader)[0].name), signal.SIGKILL)
    _, told = reader.communicate(timeout=120)
    assert (reader.returncode, told.count("trip 299: user_feedback is undecryptable")) == (1, 1)
    assert re.search("ended from outside.*the next run goes on", told)
    assert 0 < world.run().read < 300
    world.check_whole()


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    with postgres.started() as made:
        yield made


def execute(url: str, *statements: str) -> None:
    with psycopg.connect(url) as connection:
        for statement in statements:
            connection.execute(statement)


@contextmanager
def between_pages(source: TripSource, act: Callable[[], None]) -> Iterator[None]:
    """Do something once, after the first page of the next listing."""
    listed = source.pages

    def pages() -> Iterator[Any]:
        for place, page in enumerate(listed()):
            yield page
            if not place:
                act()

    source.pages = pages  # type: ignore[method-assign]
    yield
    source.pages = listed  # type: ignore[method-assign]


TABLE = "gamification_private.activity_trip"


def test_a_listing_holds_nothing_of_a_row_but_its_id_and_hashes(world: World, server: postgres.Server) -> None:
    rows = telling_trips()
    urls = [f"sqlite:///{write_sqlite(world.folder / 'telling.sqlite', rows)}"]
    urls += [f"parquet:///{write_parquet(world.folder / 'telling.parquet', rows)}"]
    urls += [write_postgres(server.new_database(), rows)]
    for url in urls:
        with open_source(url) as source:
            (page,) = source.pages()
        assert (page.ids, page.keys[1:] in (page.ids[1:], ["1", "2", "3"])) == (["101", "102", "103", "104"], True)
        assert all(re.fullmatch("[0-9a-f]{32}", each) for each in page.hashes)


def test_three_kinds_of_source_come_to_the_same(world: World, server: postgres.Server) -> None:
    world.run()
    expected, replayed = world.kept(), world.replay()
    urls = [f"parquet:///{write_parquet(world.folder / 'trips.parquet', world.rows.values())}"]
    urls += [write_postgres(server.new_database(), world.rows.values(), text=True)]
    for place, world.url in enumerate(urls):
        assert world.run(data=f"data{place}").read == 5
        assert world.run(data=f"data{place}").read == 0
        assert (world.kept(f"data{place}"), world.replay(f"data{place}")["trips"]) == (expected, replayed["trips"])


def test_a_table_that_moves_while_it_is_listed_loses_and_doubles_no_trip(
    world: World, server: postgres.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("source", "postgres"):
        monkeypatch.setattr(f"strava_pipeline.trips.activity.reading.{module}.PAGE", 2)
    world.url = write_postgres(server.new_database(), world.rows.values())
    settings = world.settings()
    lake = context_without_run(settings).lake

    def act() -> None:
        execute(
            world.url,
            f"INSERT INTO {TABLE} (id, external_id, start_time) VALUES (0, 'early', now()), (9, 'late', now())",
            f"DELETE FROM {TABLE} WHERE id IN (2, 4)",
            f"UPDATE {TABLE} SET status = 'rejected' WHERE id IN (1, 5)",
        )

    with readings.opened_readings(lake) as held, open_source(world.url) as source, between_pages(source, act):
        held.list_trips(source, "listed", lambda _: None)
        assert held.counts()[0] == 4  # 1, 3, 5 and 9; 2 went before its row was read
    world.run()
    world.check_whole()
    assert {row["external_id"] for row in world.kept()[0]} == {"early", "ride-1", "ride-3", "ride-5", "late"}


def test_ids_that_are_not_unique_or_null_are_refused(world: World, server: postgres.Server) -> None:
    world.url = write_postgres(server.new_database(), world.rows.values())
    execute(
        world.url, f"ALTER TABLE {TABLE} DROP CONSTRAINT activity_trip_pkey", f"UPDATE {TABLE} SET id = 2 WHERE id = 3"
    )
    with pytest.raises(SourceError, match="several trips with one id"):
        world.run()
    execute(
        world.url,
        f"ALTER TABLE {TABLE} ALTER id DROP NOT NULL",
        f"UPDATE {TABLE} SET id = NULL WHERE status = 'accepted'",
    )
    with pytest.raises(SourceError, match="a trip without a usable id"):
        world.run()


def test_postgresql_reads_the_heads_of_the_encrypted_columns_alone(world: World, server: postgres.Server) -> None:
    rows = [a_ride(number) | {"locations": sealed(points(400, number))} for number in range(1, 41)]  # 70 KB each
    world.url = write_postgres(server.new_database(), rows)
    sent: list[str] = []
    with open_source(world.url) as source:
        execute_ = source._rows  # type: ignore[attr-defined]
        source._rows = lambda query, values=(): sent.append(query) or execute_(query, values)  # type: ignore[attr-defined]
        assert sum(len(page.ids) for page in source.pages()) == 40

    def read(columns: str) -> int:
        with psycopg.connect(world.url) as connection:
            query = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {columns}"
            ((plan,),) = connection.execute(query).fetchall()
        return plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"]

    listing = read(sent[-1])
    whole = read(f"SELECT md5(locations) FROM {TABLE}")
    plain = read(f"SELECT id FROM {TABLE}")
    assert plain < listing < plain + 40 * 5 < whole  # of each value one page and the index that leads to it
