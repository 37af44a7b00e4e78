"""`providers check`: what a service's lists look like, for somebody else to read."""

import json
from pathlib import Path

import pytest

from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.operations.test_shapes import SECRET, entry, land
from strava_pipeline_tests.verbs.conftest import Type


def test_it_writes_paths_types_and_counts_and_no_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, type_in: Type
) -> None:
    monkeypatch.setenv("STRAVA_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    land(Lake(tmp_path / "data"), "garmin", [entry(kind="moon_walking", gear={"Anna": 1}, distance="5 km")])
    shown = type_in("providers", "check", "garmin")
    found = json.loads(shown.out)
    assert {name: found[name] for name in ("source", "rows", "unmapped_sports", "other_types")} == {
        "source": "garmin",
        "rows": 1,
        "unmapped_sports": 1,
        "other_types": {"[].distance": ["text"]},
    }
    assert found["paths"]["[].gear.?"] == {"number": 1}
    assert [word for word in (SECRET, "Anna", "moon", "5 km", "2026") if word in shown.out] == []
    written = type_in("providers", "check", "garmin", "--out", "shape.json")
    assert (written.code, (tmp_path / "shape.json").read_text()) == (0, shown.out)
    assert "1 row of Garmin Connect" in written.out
    assert json.loads(type_in("providers", "check", "strava").out)["rows"] == 0
    assert type_in("providers", "check", "nobody").code == 2
