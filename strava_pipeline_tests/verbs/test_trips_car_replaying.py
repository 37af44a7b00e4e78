"""`trips car replay`: the document on standard output, limits set otherwise, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline_tests.verbs.conftest import Type

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
        (("empty.json",), "empty.json is no JSON"),
        (("deep.json",), "deep.json is no JSON"),
        (("list.json",), 'list.json: no scenarios: expected an object with "format": "car-tracker-scenarios/1"'),
        (("faulty.json",), "faulty.json: scenario Köln, steps[2].t: expected seconds"),
        (("scenarios.json", "--set", "speed=3"), "There are: no_driving_count, api_error_count, parked_count"),
        (("scenarios.json", "--set", "parked_count=0"), "a whole number from 1 on"),
        (("scenarios.json", "--set", "stale_s=soon"), "soon is no number"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_misuse_ends_with_2_and_says_what_to_do(file: Path, type_in: Type, words: tuple[str, ...], said: str) -> None:
    Path("folder").mkdir()
    Path("text.json").write_text("PING")
    Path("empty.json").write_text("")
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
