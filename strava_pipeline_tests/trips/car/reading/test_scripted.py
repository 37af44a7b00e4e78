"""A scripted car says what the file says of exactly the moment it is asked at."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.errors import SourceError
from strava_pipeline.trips.car.reading.connect import ScriptedCars
from strava_pipeline.trips.car.reading.reading import Trouble, unanswered
from strava_pipeline.trips.car.rules.lines import CarReading

T = datetime(2026, 3, 4, 6, 30, tzinfo=UTC)


def t(seconds: float) -> str:
    return (T + timedelta(seconds=seconds)).isoformat()


def answer(odometer: float, *, parked: bool | None = False) -> dict[str, Any]:
    return {"is_parked": parked, "odometer": odometer, "lat": 0.25, "lng": -7.125}


def step(seconds: float, event: str = "ping", **api: Any) -> dict[str, Any]:
    return {"t": t(seconds), "event": event, "api": api, "expect": {"status": "driving"}}


def scenario(*steps: dict[str, Any], user_id: str = "anna") -> dict[str, Any]:
    cars = [{"car_id": name, "name": name, "has_credentials": True} for name in ("zoe", "clio")]
    return {"id": "made", "config": {"user_id": user_id, "cars": cars}, "steps": list(steps)}


def scripted(*scenarios: dict[str, Any]) -> ScriptedCars:
    return ScriptedCars({"format": "car-tracker-scenarios/1", "scenarios": list(scenarios)})


def said(cars: ScriptedCars, seconds: float, car_id: str = "zoe", user_id: str = "anna") -> float | None:
    return cars.ask(car_id, T + timedelta(seconds=seconds), user_id).odometer


def test_the_answer_is_that_of_the_moment() -> None:
    cars = scripted(scenario(step(0, zoe=answer(10)), step(70, zoe=answer(11))))
    at = T + timedelta(seconds=70)
    assert cars.ask("zoe", at, "anna") == CarReading(
        car_id="zoe", answered_at=at, measured_at=at, is_parked=False, odometer=11.0, lat=0.25, lng=-7.125
    )
    assert said(cars, 0) == 10


def test_a_moment_is_the_same_to_the_millisecond_and_in_any_zone() -> None:
    cars = scripted(scenario({**step(0, zoe=answer(10)), "t": "2026-03-04T07:30:00.1234+01:00"}))
    assert said(cars, 0.1232) == 10
    assert said(cars, 0.125) is None


@pytest.mark.parametrize("told", [{"zoe": "error"}, {}, {"zoe": None}, {"clio": answer(1)}])
def test_an_error_and_a_missing_car_are_no_answer(told: dict[str, Any]) -> None:
    cars = scripted(scenario(step(0, **told)))
    assert cars.ask("zoe", T, "anna") == unanswered("zoe", T, Trouble.NO_ANSWER)


def test_of_strangers_and_other_moments_nothing_is_said() -> None:
    cars = scripted(scenario(step(0, zoe=answer(10))))
    assert said(cars, 0, "tesla") is None
    assert said(cars, 0, user_id="ben") is None
    assert said(cars, 30) is None
    assert said(cars, -30) is None


def test_a_car_that_knows_nothing_says_so() -> None:
    cars = scripted(scenario(step(0, zoe=answer(10, parked=None))))
    reading = cars.ask("zoe", T, "anna")
    assert (reading.is_parked, reading.odometer, reading.error) == (None, 10.0, None)


def test_scenarios_of_one_user_at_one_moment_answer_one_after_the_other() -> None:
    cars = scripted(
        scenario(step(0, zoe=answer(10))),
        scenario(step(0, clio=answer(50))),
        scenario(step(0, zoe=answer(20))),
        scenario(step(0, zoe=answer(99)), user_id="ben"),
    )
    assert [said(cars, 0) for _ in range(4)] == [10, None, 20, 20], "the last again, for whoever asks again"
    assert said(cars, 0, user_id="ben") == 99


def test_the_safety_net_gets_the_clock_step_after_the_last_event() -> None:
    cars = scripted(
        scenario(
            step(0, zoe=answer(10)),
            step(8_000, "clock", zoe=answer(12)),
            step(20_000, zoe=answer(20)),
            step(30_000, "clock", zoe=answer(22)),
        )
    )
    assert said(cars, 7_300) == 12, "it comes when it likes, before the step's time"
    assert said(cars, 8_000) == 12
    assert said(cars, 9_000) == 12, "or after it"
    assert said(cars, 20_001) == 22
    assert said(cars, 99_000) == 22
    assert said(cars, -5) is None


def test_a_second_clock_step_is_asked_at_its_own_moment() -> None:
    cars = scripted(
        scenario(step(0, zoe=answer(10)), step(8_000, "clock", zoe="error"), step(8_600, "clock", zoe=answer(12)))
    )
    assert said(cars, 8_000) is None
    assert said(cars, 8_600) == 12


def test_without_a_clock_step_the_safety_net_gets_none() -> None:
    assert said(scripted(scenario(step(0, zoe=answer(10)))), 7_300) is None


def test_answers_may_be_listed_alone() -> None:
    cars = ScriptedCars(
        {
            "answers": [
                {"user_id": "anna", "car_id": "zoe", "t": t(0), "answer": answer(10)},
                {"user_id": "anna", "car_id": "clio", "t": T.timestamp(), "answer": "error"},
                {"user_id": "anna", "car_id": "zoe", "t": t(0), "answer": answer(11)},
            ]
        }
    )
    assert (said(cars, 0), said(cars, 0), said(cars, 0, "clio")) == (10, 11, None)


@pytest.mark.parametrize(
    "content",
    [
        *(b"{", b"[]", b"5", b"{}", b"\xff", b'{"answers": 5}', b'{"answers": [{}]}'),
        b'{"format": "car-tracker-scenarios/1"}',
        json.dumps({"format": "car-tracker-scenarios/1", "scenarios": [{"config": {}, "steps": []}]}).encode(),
        json.dumps({"answers": [{"user_id": "a", "car_id": "b", "t": "soon", "answer": {}}]}).encode(),
    ],
)
def test_a_file_that_is_no_script_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "script.json"
    path.write_bytes(content)
    with pytest.raises(SourceError):
        ScriptedCars.from_file(path)


def test_a_script_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "script.json"
    with pytest.raises(SourceError, match="FileNotFoundError"):
        ScriptedCars.from_file(path)
    path.write_text(json.dumps({"answers": [{"user_id": "anna", "car_id": "zoe", "t": t(0), "answer": answer(10)}]}))
    assert said(ScriptedCars.from_file(path), 0) == 10
