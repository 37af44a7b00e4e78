"""The trips in Dagster: rows by year, whichever runs made them; what stops, what warns, and what is published."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from strava_pipeline.core.errors import MissingSettingsError, SourceError
from strava_pipeline.operations.facts import facts
from strava_pipeline.trips.activity.keeping import saved_trips
from strava_pipeline.trips.activity.tables import TRIP_DIAGNOSTICS, TRIP_INDEX, TRIP_REPLAY
from strava_pipeline.verbs.trips import trips
from strava_pipeline_tests.trips.activity.sources import LOST, OLD, points, sealed, telling_trips
from strava_pipeline_tests.trips.activity.world import YEARS, Trips, ride, trips_world

pytestmark = pytest.mark.dear


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Trips]:
    monkeypatch.chdir(tmp_path)
    with trips_world(tmp_path) as made:
        yield made


def rows() -> list[dict[str, Any]]:
    """Of each year an ordinary ride, and one of no year, one of before, one of after all."""
    odd = [
        ride(10, 2023, start_time="no time", created_at=None),
        ride(11, 1999),
        ride(12, 2024, start_time="2025-01-01T00:30:00+01:00"),
        ride(13, 2024, start_time=None),
        ride(14, 2022, locations=sealed(points(20), OLD), location_count=20.5),
    ]
    return [*(ride(number, year) for number, year in enumerate(YEARS, start=1)), *odd]


def test_years_at_once_and_one_by_one_come_to_the_same(world: Trips, tmp_path: Path) -> None:
    world.write(rows())
    whole = world.rig.years
    told = world.run(*whole)
    assert told["trip_diagnostics"]["inserted"] == 8
    assert told["trip_diagnostics"]["keys_used"] == {"0": 7, "1": 1}
    assert world.years() == {
        "ride-1": (2022, False), "ride-2": (2023, False), "ride-3": (2024, False), "ride-10": (whole[-1], False),
        "ride-11": (2022, False), "ride-12": (2024, False), "ride-13": (2024, False), "ride-14": (2022, False),
    }  # fmt: skip
    with trips_world(tmp_path / "by year") as other:
        other.write(rows())
        for year in (whole[-1], *YEARS):
            other.do(year)
        for table in (TRIP_INDEX, TRIP_DIAGNOSTICS):
            assert other.kept(table) == world.kept(table)
        query = "SELECT * EXCLUDE (fetched_at) FROM trip_diagnostics ORDER BY external_id"
        assert other.rig.gold(query) == world.rig.gold(query)


def test_a_run_of_a_year_takes_the_trips_of_that_year_alone(world: Trips) -> None:
    world.do(2023)
    assert world.years() == {"ride-2": (2023, False)}
    assert world.years(TRIP_INDEX) == {"ride-2": (2023, False)}


@pytest.mark.parametrize("looked_at", [2023, 2024])
def test_a_trip_moved_to_another_year_is_there_once_whichever_is_looked_at(world: Trips, looked_at: int) -> None:
    world.do()
    world.write([ride(1, 2022), ride(2, 2024), ride(3, 2024)])
    world.do(looked_at)
    wanted = {"ride-1": (2022, False), "ride-2": (2024, False), "ride-3": (2024, False)}
    assert (world.years(), world.years(TRIP_INDEX)) == (wanted, wanted)
    assert world.rig.gold("SELECT external_id, year FROM trip_diagnostics ORDER BY 1") == [
        ("ride-1", 2022), ("ride-2", 2024), ("ride-3", 2024),
    ]  # fmt: skip


def test_a_trip_that_its_source_lost_keeps_its_row_and_is_marked_when_its_year_is_looked_at(world: Trips) -> None:
    world.do()
    world.write([ride(1, 2022), ride(3, 2024)])
    world.do(2022)
    assert world.years()["ride-2"] == (2023, False)
    told = world.run(2023)
    assert (told["trip_diagnostics"]["deleted"], told["trip_index"]["deleted"]) == (1, 1)
    assert world.years()["ride-2"] == world.years(TRIP_INDEX)["ride-2"] == (2023, True)
    assert world.rig.one("SELECT count(*) FROM trip_diagnostics WHERE deleted_at IS NULL") == 2
    assert world.rig.one("SELECT haversine_m > 100 FROM trip_diagnostics WHERE deleted_at IS NOT NULL") is True


def test_a_source_that_lost_nearly_everything_marks_nothing_as_deleted_until_a_person_confirms(world: Trips) -> None:
    world.write(ride(number, 2022) for number in range(1, 9))
    assert world.do(2022).broken_rules == []
    world.write([ride(1, 2022)])
    assert set(world.do(2022).broken_rules) == {"trip_index.not_shrunk", "trip_diagnostics.not_shrunk"}
    assert not any(deleted for _, deleted in (world.years() | world.years(TRIP_INDEX)).values())
    confirmed = {"allow_shrink": True}
    assert world.rig.do("trips", [2022], trip_index=confirmed).broken_rules == []
    for table in (TRIP_INDEX, TRIP_DIAGNOSTICS):
        assert [name for name, (_, deleted) in world.years(table).items() if not deleted] == ["ride-1"]


def test_where_the_source_is_not_set_any_more_nothing_is_lost(world: Trips) -> None:
    world.do()
    before = {table.name: world.kept(table) for table in (TRIP_INDEX, TRIP_DIAGNOSTICS)}
    world.rig.settings = world.rig.settings.model_copy(update={"trips_source": None, "trips_keys_file": None})
    told = world.run()
    assert "TRIPS_SOURCE is not set" in told["trip_index"]["result"]
    assert "TRIPS_SOURCE is not set" in told["trip_diagnostics"]["result"]
    assert {table.name: world.kept(table) for table in (TRIP_INDEX, TRIP_DIAGNOSTICS)} == before
    assert world.rig.one("SELECT count(*) FROM trip_diagnostics WHERE deleted_at IS NULL") == 3


def test_who_never_had_trips_has_a_run_that_does_nothing(world: Trips) -> None:
    world.rig.settings = world.rig.settings.model_copy(update={"trips_source": None, "trips_keys_file": None})
    assert "TRIPS_SOURCE is not set" in world.run()["trip_index"]["result"]
    world.rig.do("replay_trips")
    assert saved_trips(world.rig.lake, TRIP_REPLAY).height == 0


def test_without_its_source_or_keys_a_run_fails_and_marks_nothing(world: Trips) -> None:
    world.do()
    before = world.kept(TRIP_DIAGNOSTICS)
    world.source.unlink()
    with pytest.raises(SourceError, match="there is no file"):
        world.do()
    world.rig.settings = world.rig.settings.model_copy(update={"trips_keys_file": None})
    for run in (world.do, lambda: world.rig.do("replay_trips")):
        with pytest.raises(MissingSettingsError, match=r"No keys .* TRIPS_KEYS_FILE"):
            run()  # before it opens the source, which would be a SourceError
    assert world.kept(TRIP_DIAGNOSTICS) == before


def test_trips_that_can_not_be_read_and_statuses_that_nobody_knows_only_warn(world: Trips) -> None:
    readable = [ride(number, 2022) for number in range(1, 100)]
    world.write([*readable, ride(200, 2022, locations=sealed(points(3), LOST))])
    world.run()
    assert world.warned() == set()  # one in a hundred
    statuses = {300: "done", 301: "in two words", 302: "accepted", 303: "pending", 304: None}
    rides = [ride(number, 2023, status=status) for number, status in statuses.items()]
    world.write([*readable, *rides, *(ride(n, 2022, locations=sealed(b"[", OLD)) for n in (200, 201))])
    world.run(2022, 2023)
    assert world.warned() == {"trip_diagnostics.readable", "trip_index.known_statuses"}
    assert "done" in str(world.checks()["trip_index.known_statuses"].description)
    assert world.rig.one("SELECT count(*) FROM trip_diagnostics") == 106  # published all the same


def test_odd_numbers_are_kept_and_told_of(world: Trips) -> None:
    odd = {"distance_meters": -5.0, "duration_seconds": 10**9, "location_count": -3, "end_time": "1970-01-01"}
    world.write([ride(1, 2022, **odd), ride(2, 2023, distance_meters=9e99, location_count=2**62)])
    world.run()
    assert world.warned() == {"trip_index.values_believable"}
    assert world.rig.gold("SELECT distance_m, duration_s, location_count FROM trip_index ORDER BY 1") == [
        (-5.0, 1e9, -3),
        (9e99, 158.0, 2**62),
    ]


def test_of_two_trips_with_one_external_id_the_later_one_counts(world: Trips) -> None:
    first, second = ride(1, 2022, external_id="twice"), ride(2, 2024, external_id="twice")
    for pair in ([first, second], [second, first]):
        world.write(pair)
        world.do()
        assert world.years() == {"twice": (2024, False)}
        assert world.kept()[0]["trip_id"] == "2"


def test_a_second_run_changes_and_publishes_nothing(world: Trips) -> None:
    world.write([*rows(), *telling_trips()])
    world.do()
    kept = {path: path.stat().st_mtime_ns for path in [*world.rig.lake.trips.iterdir(), world.rig.lake.snapshot]}
    told = world.run()
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    counted = [(it["inserted"], it["updated"], it["deleted"]) for it in told.values()]
    assert counted == [(0, 0, 0), (0, 0, 0)]


def test_a_replay_is_a_row_for_each_version_and_stays_as_it_is(world: Trips) -> None:
    world.write([ride(1, 2022, review_status="approved"), ride(2, 2023, review_status="rejected"), ride(3, 2024)])
    world.do(2022)
    world.rig.do("replay_trips")
    first = saved_trips(world.rig.lake, TRIP_REPLAY)
    told = world.rig.run_unpartitioned("replay_trips").metadata["trip_replay"]
    assert told["totals_by_algorithm"]["cycling-2026.1"]["trips"] == 3
    assert saved_trips(world.rig.lake, TRIP_REPLAY).equals(first)
    (row,) = saved_trips(world.rig.lake, TRIP_REPLAY).to_dicts()
    assert (row["algorithm"], row["trips"], row["labelled"]) == ("cycling-2026.1", 3, 2)
    assert world.rig.gold("SELECT trips, better + same + worse + changed FROM trip_replay") == [(3, 3)]


def test_a_command_reads_trips_again_where_asked_and_status_counts_them(
    world: Trips, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in world.rig.settings.environ().items():
        monkeypatch.setenv(name, value)

    def typed(*words: str) -> str:
        said = CliRunner().invoke(trips, ["activity", "read", *words])
        assert said.exit_code == 0, said.output
        return said.stdout

    assert "3 trips listed, 3 read" in typed()
    assert "nothing new in 3 trips" in typed("--years", "2022-2024")
    assert "3 trips listed, 1 read; 1 again" in typed("--again", "--years", "2023")
    told = facts(world.rig.settings, datetime.now(UTC))
    assert [fact.text for fact in told if fact.name == "activity trips"] == ["3 trips: 3 rejected"]
