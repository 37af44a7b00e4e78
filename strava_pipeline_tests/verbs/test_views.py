"""How an answer looks to a person and to a program, whatever it is an answer about."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from strava_pipeline.verbs import terminal
from strava_pipeline.verbs.views import MOST, show


@dataclass(frozen=True, slots=True)
class Ride:
    name: str | None
    start_date: datetime | None = None
    deleted: bool = False


ANSWER: dict[str, Any] = {
    "total_count": 2,
    "rides": [Ride("Up \x1b[31m[bold]", datetime(2026, 3, 1, 12, tzinfo=UTC)), Ride(None, deleted=True)],
    "by_service": {"toy": {"rides": 1.5, "names": ["a", None]}},
    "none": None,
}


def test_an_answer_is_one_object_for_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    show(ANSWER, as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["rides"][0] == {"name": "Up \x1b[31m[bold]", "start_date": "2026-03-01T12:00:00Z", "deleted": False}
    assert found["by_service"] == {"toy": {"rides": 1.5, "names": ["a", None]}}
    assert found["none"] is None


def test_a_person_reads_values_as_lines_and_records_as_tables(capsys: pytest.CaptureFixture[str]) -> None:
    show(ANSWER, hidden=("deleted",), forms={"total_count": "{} in all".format}, advice=["Go on."])
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "total count: 2 in all", "rides: 2", "name               start date",
        "Up \\x1b[31m[bold]  2026-03-01 12:00 UTC", "", "by service: 1", "     rides  names", "toy  1.5    a,",
        "Go on.",
    ]  # fmt: skip


def test_groups_of_a_thing_are_as_many_as_they_count(capsys: pytest.CaptureFixture[str]) -> None:
    show({"rides": [{"year": 2025, "rides": 20}, {"year": 2026, "rides": 4}]})
    assert capsys.readouterr().out.splitlines()[0] == "rides: 24"


def test_a_narrow_terminal_gets_paragraphs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "out", narrow := Console(force_terminal=True, width=30, color_system=None))
    show(ANSWER, to=narrow)
    assert "  name Up" in capsys.readouterr().out


def test_more_than_a_screen_is_counted_and_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    show({"rides": [Ride(str(number)) for number in range(MOST + 3)]}, most=MOST)
    assert capsys.readouterr().out.splitlines()[-1] == "… and 3 more (--json)"
    show({"rides": []}, nothing="There is no ride.")
    assert capsys.readouterr().out == "There is no ride.\n"
