"""Workbooks with every kind of cell that people make, read as their oracles say."""

import json
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.ingest.clock import machine_clock
from strava_pipeline.ingest.spreadsheet.client import connect
from strava_pipeline.settings import Settings

pytestmark = pytest.mark.samples

SAMPLES = Path(__file__).parents[2].parent / "shared" / "samples" / "spreadsheet"


@pytest.mark.parametrize("name", ["plain", "kinds_of_cells", "furnished"])
def test_a_workbook_is_read_as_its_oracle_says(name: str) -> None:
    pytest.importorskip("openpyxl")
    oracle = json.loads((SAMPLES / f"{name}.oracle.json").read_text())
    path = SAMPLES / f"{name}.xlsx"
    settings = Settings(_env_file=None, SPREADSHEET_PATH=str(path), SPREADSHEET_ZONE=oracle["home_zone"])
    before = path.read_bytes()
    whole = connect(settings, machine_clock(1.0), lambda why, seconds: None).read_whole(None)
    assert whole is not None
    number_of = {key: number for number, key, *_ in json.loads(whole.body)["books"][0]["rows"]}
    found = {number_of[each["source_id"]]: each for each in whole.read.activities}
    refused = [row for row in oracle["rows"] if row["start"] is None and row.get("day") is None]
    assert found.keys() == {row["row"] for row in oracle["rows"]} - {row["row"] for row in refused}
    assert [
        f"row {row['row']}:" in fault.reason for row, fault in zip(refused, whole.read.unreadable, strict=True)
    ] == [True for _ in refused]
    for row in oracle["rows"]:
        if row not in refused:
            _compare(found[row["row"]], row)
    assert path.read_bytes() == before


def _compare(found: Any, row: dict[str, Any]) -> None:
    assert found.get("start_date") == row["start"]
    if row.get("day"):
        assert found["start_date_local"] == f"{row['day']}T00:00:00Z"
    assert found.get("elapsed_time") == row["duration_s"]
    assert found["distance"] == pytest.approx(row["distance_m"], abs=0.1)
    for ours, theirs in (("name", "name"), ("equipment", "equipment")):
        if theirs in row:
            assert found.get(ours) == row[theirs]
    ids = {word.removesuffix("_id"): str(row[word]) for word in ("strava_id", "garmin_id") if row.get(word)}
    assert found.get("links", {}) == ids
    if "flagged" in (row.get("name") or ""):
        assert found["flags"]
