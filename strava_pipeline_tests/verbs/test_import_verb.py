"""What an import would bring, told to a person and to a program."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from strava_pipeline.emulator.archive.write import Oddities, write_archive
from strava_pipeline.emulator.config import EmulatorConfig
from strava_pipeline.ingest.archive.survey import survey
from strava_pipeline.verbs.import_ import preview, shape, told

CONFIG = EmulatorConfig(now=datetime(2026, 3, 1, tzinfo=UTC), activities=40, years=(2025, 2026))


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export with two files too few and one too many."""
    path = tmp_path_factory.mktemp("export") / "export.zip"
    write_archive(CONFIG, path, oddities=Oddities(missing=2, unlisted=1))
    return path


def test_a_person_and_a_program_are_told_the_same(export: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = survey(export)
    text = "\n".join(told(found))
    assert "a zip, 1 Strava export" in text
    assert "2 rows whose file is missing" in text
    preview([export], as_json=True)
    assert json.loads(capsys.readouterr().out)["paths"] == [json.loads(json.dumps(shape(found)))]
    preview([export])
    assert capsys.readouterr().out.splitlines() == told(found)


def test_what_is_cut_off_says_so(export: Path, tmp_path: Path) -> None:
    raw = export.read_bytes()
    (tmp_path / "cut.zip").write_bytes(raw[: len(raw) // 2])
    lines = told(survey(tmp_path / "cut.zip"))
    assert "It is cut off or damaged" in lines[1]
    assert "the archive breaks off" in lines[-1]


def test_problems_beyond_a_screen_are_counted(tmp_path: Path) -> None:
    for number in range(25):
        (tmp_path / f"{number:02}.json").write_bytes(b"{")
    lines = told(survey(tmp_path))
    assert lines.index("  25 problems:") == len(lines) - 22
    assert lines[-1] == "    … and 5 more (--json)"
    assert len(shape(survey(tmp_path))["problems"]) == 25
