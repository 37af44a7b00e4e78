"""Names that hold commands to a terminal: no verb prints one as it is, and every way to a terminal leads over one sanitiser."""

import csv
import io
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.table import Table

import strava_pipeline
from strava_pipeline.verbs import terminal
from strava_pipeline_tests.rig import Rig, started
from strava_pipeline_tests.verbs.conftest import TypeOn

NAME = "Run \x1b]0;owned\x07\x9b2J\u202eexe"
SHOWN = r"Run \x1b]0;owned\x07\x9b2J\u202eexe"
QUERY = "SELECT name FROM activities ORDER BY start_date DESC LIMIT 1"
PACKAGE = Path(strava_pipeline.__file__).parent


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Gold whose newest activity has such a name."""
    with started(tmp_path_factory.mktemp("hostile"), activities=6) as rig:
        newest = max(rig.truth(), key=lambda item: item["start_date"])["id"]
        rig.control("edit", id=newest, set={"name": NAME})
        rig.do("flow_backfill")
        yield rig


def test_a_table_and_json_show_a_name_and_steer_nothing(hostile: Rig, type_on: TypeOn) -> None:
    typed = type_on(hostile)
    assert SHOWN in typed("sql", QUERY).out
    said = typed("sql", QUERY, "--format", "json").out
    assert json.loads(said) == [{"name": NAME}]
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(said)


def test_csv_is_as_it_was_for_a_program_and_shown_to_a_person(
    hostile: Rig, type_on: TypeOn, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = type_on(hostile)
    assert list(csv.reader(io.StringIO(typed("sql", QUERY, "--format", "csv").out))) == [["name"], [NAME]]
    looked_at = io.StringIO()
    monkeypatch.setattr(looked_at, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stdout", looked_at)
    typed("sql", QUERY, "--format", "csv")
    assert looked_at.getvalue() == f"name\n{SHOWN}\n"


def test_an_error_names_what_it_can_not_read_and_steers_nothing(rig: Rig, type_on: TypeOn) -> None:
    said = type_on(rig)("import", f"/nowhere/{NAME}.zip")
    assert said.code != 0
    assert SHOWN in re.sub(r"\s*\n\s*", "", said.err)
    assert "\x1b" not in said.err


def test_colours_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm", "COLORTERM": ""}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    screen = terminal.screen()
    screen.file = io.StringIO()
    table = Table(NAME)
    table.add_row(NAME)
    screen.print(f"{NAME} [red]as it is[/red]", style="yellow")
    screen.print(table)
    drawn = screen.file.getvalue()
    assert r"Run \x1b]0;owned\x9b2J\u202eexe [red]as it is[/red]" in drawn, "rich leaves the bell out"
    assert "\x1b[33m" in drawn
    assert "\x1b]0;owned" not in drawn


def test_there_is_one_way_to_a_terminal() -> None:
    ways = re.compile(r"typer\.echo\(|click\.echo\(|\bConsole\(|(?<![\w.])print\(")
    places = [*PACKAGE.glob("verbs/*.py"), PACKAGE / "cli.py"]
    found = {path.name for path in places if ways.search(path.read_text(encoding="utf-8"))}
    assert found == {"output.py", "terminal.py"}
