"""The command `rules check`."""

import json
from pathlib import Path

import pytest

from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import activity, put
from strava_pipeline_tests.verbs.conftest import Type

EXAMPLE = Path(__file__).parents[2] / "rules.example.toml"


@pytest.fixture
def filled(tmp_path: Path, new_lake: NewLake, monkeypatch: pytest.MonkeyPatch) -> Lake:
    lake = new_lake(tmp_path / "data")
    monkeypatch.setenv("STRAVA_DATA_DIR", str(lake.data_dir))
    put(lake, [activity(7, "2025-05-01T08:00", name="Test of a watch")])
    publish(lake)
    return lake


def test_rules_are_checked_before_they_count(filled: Lake, type_in: Type) -> None:
    said = type_in("rules", "check")
    assert (said.code, "Copy rules.example.toml" in said.out) == (0, True)
    filled.rules.write_text(EXAMPLE.read_text())
    found = json.loads(type_in("rules", "check", "--json").out)
    assert [(each["rule"], each["matches"], each["changes"]) for each in found["rules"]] == [
        (1, 0, {}),
        (2, 0, {}),
        (3, 0, {}),
        (4, 1, {"counts": 1}),
        (5, 0, {}),
    ]
    assert found["rules"][3]["examples"] == [{"activity_id": 7, "field": "counts", "old": "true", "new": "false"}]
    said = type_in("rules", "check")
    assert (said.code, "rule 2: no source has gear strava:b1234567." in said.out) == (0, True)
    assert "rule 5: Garmin HRM-Dual recorded a heart rate beside no other device." in said.out
    filled.rules.write_text("[[rule]]\nwhen.name = '('\nthen.commute = true\n")
    said = type_in("rules", "check")
    assert (said.code, "[[rule]] 1: when.name: no pattern" in said.err) == (2, True)
