"""The command `corrections`: set, list, undo."""

import json
from pathlib import Path

import pytest

from strava_pipeline.lake.gold.publish import publish, snapshot
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import activity, put
from strava_pipeline_tests.verbs.conftest import Type


@pytest.fixture
def filled(tmp_path: Path, new_lake: NewLake, monkeypatch: pytest.MonkeyPatch) -> Lake:
    lake = new_lake(tmp_path / "data")
    monkeypatch.setenv("STRAVA_DATA_DIR", str(lake.data_dir))
    put(lake, [activity(-7, "2025-05-01T08:00", source="file", name="One")])
    publish(lake)
    return lake


@pytest.mark.dear
def test_words_are_set_listed_and_taken_back(filled: Lake, type_in: Type) -> None:
    said = type_in("corrections", "set", "-7", "--name", "Mine", "--no-commute", "--tag", "a", "--tag", "b")
    assert (said.code, said.out) == (0, "Recorded.\n")
    assert json.loads(type_in("corrections", "list", "--json").out) == {
        "corrections": {"-7": {"name": "Mine", "commute": False, "tags": ["a", "b"]}}
    }
    assert type_in("corrections", "undo", "-7", "--field", "tags").code == 0
    with snapshot(filled) as connection:
        assert connection.execute("SELECT name, commute FROM activities").fetchall() == [("Mine", False)]
    assert type_in("corrections", "set", "-7", "--deleted", "--moving-time", "1:00:01").code == 0
    with snapshot(filled) as connection:
        assert connection.execute("SELECT count(*) FROM activities").fetchall() == [(0,)]
    assert type_in("corrections", "undo", "-7", "--field", "deleted").code == 0
    with snapshot(filled) as connection:
        assert connection.execute("SELECT moving_time FROM activities").fetchall() == [(3601,)]
    assert type_in("corrections", "undo", "-7").code == 0
    assert type_in("corrections", "list").out == "You corrected nothing.\n"
    for words, code in (
        (("set", "-7"), 2),
        (("set", "-7", "--sport", "x"), 2),
        (("set", "8", "--name", "x"), 2),
        (("undo", "-7", "--field", "x"), 2),
        (("cut", "-7", "--to", "10:00"), 2),
    ):
        assert type_in("corrections", *words).code == code, words
