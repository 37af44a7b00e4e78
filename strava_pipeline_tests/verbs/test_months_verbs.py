"""`calendar` and `sync-month`: what they show, propose and ask, and how they end."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from strava_pipeline.verbs import change_view
from strava_pipeline.verbs import months as verb
from strava_pipeline_tests.providers.test_comparing import two_names_differ
from strava_pipeline_tests.providers.worlds import World
from strava_pipeline_tests.verbs.conftest import Type

MONTH = "2025-06"
HOSTILE = "Up \x1b[31mthe hill [bold]"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with two_names_differ(tmp_path, monkeypatch, HOSTILE) as found:
        for name, value in found.settings.environ().items():
            monkeypatch.setenv(name, value)
        yield found


@pytest.mark.dear
def test_a_month_is_compared_proposed_and_asked_about(
    world: World, type_in: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = type_in("sync-month", MONTH, "--no-pull", "--json")
    assert (typed.code, typed.err) == (verb.DIFFERENT, "")
    found = json.loads(typed.out)
    assert (found["month"], found["status"], found["activities"], found["pulled"]) == (MONTH, "requires_action", 3, {})
    assert {name: one["status"] for name, one in found["providers"].items()} == {
        "toy": "in_sync",
        "strava": "requires_action",
    }
    assert found["left_out"] == 0
    row = found["rows"]["2"]
    assert (row["name_authority"], row["start"], row["distance"]) == ("toy", "2025-06-11T06:00:00Z", 2224.0)
    assert row["providers"]["strava"] == {
        "present": True,
        "source_id": "2",
        "name": "Away",
        "name_status": "wrong",
        "gear": None,
        "gear_status": "ok",
        "link": "https://www.strava.com/activities/2",
    }
    first, second = found["changes"]
    assert {found["changes"][key]["status"] for key in (first, second)} == {"proposed"}

    typed = type_in("sync-month", MONTH, "--no-pull")
    assert typed.code == verb.DIFFERENT
    assert "\x1b" not in typed.out
    for text in ('name "Away", name status wrong', '"Away"', "[bold]", first, second, "--month 2025-06 --out FILE"):
        assert text in typed.out
    assert "Same" not in typed.out, "what agrees is not shown"

    shown = json.loads(type_in("calendar", "--months", "240", "--json").out)["months"]
    assert (len(shown), shown[MONTH]["status"], shown["2025-05"]["status"]) == (240, "requires_action", "in_sync")
    toy = shown[MONTH]["providers"]["toy"]
    assert (toy.pop("pulled_at")[:16], toy) == ("2026-03-01T12:00", {"status": "in_sync", "activities": 3})

    answers: list[str] = []

    def answer(*_: object, **__: object) -> str:
        if not answers:
            raise typer.Abort
        return answers.pop(0)

    monkeypatch.setattr(change_view, "is_asking", lambda: True)
    monkeypatch.setattr(verb.typer, "prompt", answer)
    for words in (["q"], ["?"], ["o", "q"]):  # the second ends with Ctrl-C
        answers[:] = words
        typed = type_in("sync-month", MONTH, "--no-pull")
        assert (typed.code, "Approved: 0. Rejected: 0. Undecided: 2." in typed.out) == (verb.DIFFERENT, True), words
    assert not (world.settings.data_dir / "decisions" / "changes.jsonl").exists()
    answers[:] = ["perhaps", "o", "n", "y"]
    typed = type_in("sync-month", MONTH, "--no-pull")
    assert (typed.code, answers) == (0, []), typed.err
    assert "Approved: 1. Rejected: 1. Undecided: 0." in typed.out
    lines = (world.settings.data_dir / "decisions" / "changes.jsonl").read_text().splitlines()
    assert [(each["shown"]["old"], each["verdict"]) for each in map(json.loads, lines)] == [
        ("Away", "rejected"),
        ("Morning Ride", "approved"),
    ]
    shown = json.loads(type_in("calendar", "--months", "240", "--json").out)["months"]
    assert shown[MONTH]["status"] == "requires_action", "what is approved is not written yet"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["sync-month", "2025-13"], "a month is written YYYY-MM"),
        (["sync-month", "9999-01"], "9999-01 has not begun"),
        (["calendar", "--months", "0"], "greater than or equal to 1"),
    ],
)
def test_a_month_that_is_none_is_refused(words: list[str], why: str, type_in: Type) -> None:
    typed = type_in(*words)
    assert typed.code == 2
    assert why in " ".join(typed.err.split())
