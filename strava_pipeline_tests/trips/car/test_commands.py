"""`trips car`: replay of scenarios and of the log, status and list, on a log of pings and a published warehouse."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.trips.car.rules.config import read_config
from strava_pipeline.verbs.trips import trips
from strava_pipeline_tests.rig import Rig
from strava_pipeline_tests.trips.car.logs import MORNING, Log, config, drive, nobody_drives
from strava_pipeline_tests.verbs.conftest import Type

TYPED = CliRunner()
DAY = timedelta(days=1)


@pytest.fixture
def rig(make_rig: Callable[..., Rig], monkeypatch: pytest.MonkeyPatch) -> Rig:
    """Two trips and what was none in gold; a third one under way, still in the inbox."""
    made = make_rig(activities=1)
    log = Log(made.lake)
    log.config(read_config(config()))
    log.steps([*drive(), *nobody_drives(MORNING + timedelta(hours=4)), *drive(MORNING + DAY, 5, odometer=20_008.0)])
    made.do("car_trips", pings={"safety_net": False})
    log.steps(drive(MORNING + 2 * DAY, odometer=20_013.0)[:4])
    monkeypatch.chdir(made.folder)
    for name, value in made.settings.environ().items():
        monkeypatch.setenv(name, value)
    return made


def test_status_shows_the_trip_under_way_without_where(rig: Rig) -> None:
    assert "Blue Zoe" in TYPED.invoke(trips, ["car", "status"]).stdout
    (told,) = json.loads(TYPED.invoke(trips, ["car", "status", "--json"]).stdout)["users"]
    assert (told["user_id"], told["state"], told["distance_km"], told["duration_s"]) == ("anna", "driving", 3.0, 210.0)
    assert not any(name in told for name in ("gps", "lat", "lng"))


def test_list_has_the_newest_first_without_where(rig: Rig) -> None:
    said = TYPED.invoke(trips, ["car", "list"]).stdout
    assert "…" not in said  # nothing is cut off where the terminal is narrow
    assert said.index("2026-03-05T06:30") < said.index("2026-03-04T06:30")
    told = json.loads(TYPED.invoke(trips, ["car", "list", "--json", "--limit", "1"]).stdout)["trips"]
    assert [(trip["start_time"], trip["distance_km"]) for trip in told] == [("2026-03-05T06:30:00.000Z", 5.0)]
    assert not any("lat" in name or "lng" in name for name in told[0])
    assert json.loads(TYPED.invoke(trips, ["car", "list", "--json", "--user", "berta"]).stdout) == {"trips": []}
    assert "No trips by car yet." in TYPED.invoke(trips, ["car", "list", "--year", "2024"]).stdout


@pytest.mark.dear
def test_drain_brings_what_came_to_gold_and_rests_then(rig: Rig) -> None:
    Log(rig.lake).steps(drive(MORNING + 2 * DAY, odometer=20_013.0)[4:])
    said = TYPED.invoke(trips, ["car", "drain"])
    assert said.exit_code == 0, said.output
    assert said.stdout.startswith(f"Took in {len(drive())} pings")
    assert said.stdout.endswith("\nTrips by car: 1 new\n")
    (newest, *_) = json.loads(TYPED.invoke(trips, ["car", "list", "--json"]).stdout)["trips"]
    assert (newest["start_time"], newest["via"]) == ("2026-03-06T06:30:00.000Z", "parked")
    assert TYPED.invoke(trips, ["car", "drain"]).stdout == "Every ping is in gold, and no trip is to be ended.\n"


def test_recorded_pings_are_replayed_with_other_limits(rig: Rig) -> None:
    told = json.loads(TYPED.invoke(trips, ["car", "replay", "--recorded", "--set", "parked_count=4", "--json"]).stdout)
    assert told["format"] == "car-tracker-comparison/1"
    assert told["trips_before"] == 2
    (gone,) = told["different"]  # of the first one the pings of those on foot are the fourth
    assert gone["trip_id"] == "anna:2026-03-05T06:30:00.000Z"
    assert gone["before"]["end_time"] == "2026-03-05T06:37:00.000Z"
    assert gone["after"] is None
    same = json.loads(TYPED.invoke(trips, ["car", "replay", "--recorded", "--json"]).stdout)
    assert (same["different"], same["unknown"]) == ([], 0)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], "SCENARIOS.json"),
        (["--recorded", "scenarios.json"], "SCENARIOS.json"),
        (["--recorded", "--set", "skip_radius_m=10"], "recorded with the pings"),
        (["--recorded", "--set", "parked=4"], "parked_count"),
    ],
)
def test_what_can_not_be_replayed_is_told(rig: Rig, words: list[str], why: str) -> None:
    done = TYPED.invoke(trips, ["car", "replay", *words])
    assert isinstance(done.exception, MisuseError)
    assert why in str(done.exception)


def test_without_pings_there_is_nothing_to_show(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRAVA_DATA_DIR", str(rig.folder / "empty"))
    assert "No ping ever came." in TYPED.invoke(trips, ["car", "status"]).stdout


LOOK = ("trips", "car", "replay")
STANDING = {"is_parked": True, "odometer": 7.0, "lat": 1.0, "lng": 2.0}
DOCUMENT: dict[str, Any] = {
    "format": "car-tracker-scenarios/1",
    "scenarios": [
        {
            "id": "Köln",
            "config": {
                "user_id": "u7",
                "timezone": "Europe/Berlin",
                "cars": [{"car_id": "ada", "name": "Ada", "has_credentials": True}],
            },
            "steps": [{"t": 1_780_300_800 + 60 * n, "event": "ping", "api": {"ada": STANDING}} for n in range(4)],
        }
    ],
}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "scenarios.json"
    path.write_text(json.dumps(DOCUMENT))
    return path


def test_a_replay_is_one_json_document_and_nothing_else(file: Path, type_in: Type) -> None:
    said = type_in(*LOOK, "scenarios.json")
    assert (said.code, said.err) == (0, "")
    told = json.loads(said.out)
    assert (told["format"], [scenario["id"] for scenario in told["scenarios"]]) == ("car-tracker-result/1", ["Köln"])
    assert [step["status"] for step in told["scenarios"][0]["steps"]] == [
        "waiting_for_car", "waiting_for_car", "cancelled", "waiting_for_car",
    ]  # fmt: skip
    assert type_in(*LOOK, "scenarios.json").out == said.out


def test_limits_can_be_set(file: Path, type_in: Type) -> None:
    said = type_in(*LOOK, "scenarios.json", "--set", "no_driving_count=1", "--set", "stale_s=60")
    assert {step["status"] for step in json.loads(said.out)["scenarios"][0]["steps"]} == {"cancelled"}


def test_a_file_may_begin_with_a_byte_order_mark(file: Path, type_in: Type) -> None:
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert type_in(*LOOK, "scenarios.json").code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "SCENARIOS.json"),
        (("none.json",), "none.json can't be read"),
        (("folder",), "folder can't be read"),
        (("text.json",), "text.json is no JSON"),
        (("deep.json",), "deep.json is no JSON"),
        (("list.json",), 'list.json: no scenarios: expected an object with "format": "car-tracker-scenarios/1"'),
        (("faulty.json",), "faulty.json: scenario Köln, steps[2].t: expected seconds"),
        (("scenarios.json", "--set", "speed=3"), "There are: no_driving_count, api_error_count, parked_count"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_misuse_ends_with_2_and_says_what_to_do(file: Path, type_in: Type, words: tuple[str, ...], said: str) -> None:
    Path("folder").mkdir()
    Path("text.json").write_text("PING")
    Path("deep.json").write_text("[" * 200_000)
    Path("list.json").write_text("[]")
    faulty = json.loads(file.read_text())
    faulty["scenarios"][0]["steps"][2]["t"] = "S3CRET"
    Path("faulty.json").write_text(json.dumps(faulty))
    found = type_in(*LOOK, *words)
    assert (found.code, found.out) == (2, "")
    assert said in found.err
    assert "Traceback" not in found.err
    assert "S3CRET" not in found.err
