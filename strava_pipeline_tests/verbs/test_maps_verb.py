"""`maps`: adding, listing and removing regions from the command line."""

import json
from pathlib import Path

import pytest

from strava_pipeline_tests.pmtiles import write_region
from strava_pipeline_tests.verbs.conftest import Type


def test_a_region_is_added_listed_and_removed(type_in: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRAVA_DATA_DIR", str(tmp_path / "data"))
    file = write_region(tmp_path / "home.pmtiles")
    assert type_in("maps", "add", str(file)).out == f"Added home.pmtiles. You may delete {file}.\n"
    listed = json.loads(type_in("maps", "list", "--json").out)["regions"]["home.pmtiles"]
    assert (listed["box"], listed["bytes"]) == ([16.1, 48.0, 16.7, 48.4], file.stat().st_size)
    own = tmp_path / "data" / "maps" / "home.pmtiles"
    assert type_in("maps", "add", str(own)).out == "Added home.pmtiles.\n", "to delete it would delete the region"
    own.write_bytes(b"PMTiles")
    assert "home.pmtiles is damaged" in type_in("maps", "list").out
    assert json.loads(type_in("maps", "list", "--json").out) == {"regions": {"home.pmtiles": None}}
    assert type_in("maps", "remove", "home").out == "Removed home.\n"
    assert type_in("maps", "remove", "home").code == 2
    refused = type_in("maps", "add", str(tmp_path / "away.pmtiles"))
    assert (refused.code, f"There is no file {tmp_path}/away.pmtiles." in refused.err.replace("\n", "")) == (2, True)
