"""Workbooks with every kind of cell that people make, read as their oracles say."""

import json
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.changes.records import Change, is_same
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import machine_clock
from strava_pipeline.ingest.spreadsheet.client import connect
from strava_pipeline.ingest.spreadsheet.writes import connect_writer
from strava_pipeline.ingest.writer import UnsupportedChangeError

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


@pytest.mark.parametrize(("name", "refused"), [("plain", 0), ("kinds_of_cells", 1), ("furnished", 0)])
def test_each_row_takes_name_duration_and_ids_and_no_more_changes(tmp_path: Path, name: str, refused: int) -> None:
    """A duration that nobody can read is not overwritten."""
    pytest.importorskip("openpyxl")
    oracle = json.loads((SAMPLES / f"{name}.oracle.json").read_text())
    path = tmp_path / f"{name}.xlsx"
    path.write_bytes((SAMPLES / path.name).read_bytes())
    settings = Settings(_env_file=None, SPREADSHEET_PATH=str(path), SPREADSHEET_ZONE=oracle["home_zone"])
    whole = connect(settings, machine_clock(1.0), lambda why, seconds: None).read_whole(None)
    assert whole is not None
    writer = connect_writer(settings, machine_clock(1.0), lambda why, seconds: None)
    writer.start_from(whole.body)
    changes = [_added(), *(each for found in whole.read.activities for each in _changes(found))]
    readings = []
    for each in changes:
        try:
            readings.append((each, writer.read(each)))
        except UnsupportedChangeError:
            refused -= 1
    assert refused == 0
    assert all(is_same(each.kind, each.value_before, reading.value) for each, reading in readings)
    writer.write([each for each, _ in readings], [reading for _, reading in readings])
    assert all(is_same(each.kind, each.value_after, writer.read(each).value) for each, _ in readings)


def _changes(found: Any) -> list[Change]:
    key, month = found["source_id"], "2026-01"
    ids = {
        f"{source}_id": None for source in ("strava", "garmin", "ridewithgps") if source not in found.get("links", {})
    }
    old, new = found.get("name"), f"={found.get('name') or ''}"
    return [
        Change(kind="update_name", provider="spreadsheet", month=month, source_id=key, old=old, new=new),
        Change(
            kind="update_metadata",
            provider="spreadsheet",
            month=month,
            source_id=key,
            old=found.get("elapsed_time"),
            new=90_061,
        ),
        Change(
            kind="link_activity",
            provider="spreadsheet",
            month=month,
            source_id=key,
            old=ids,
            new=dict.fromkeys(ids, "17300000099"),
        ),
    ]


def _added() -> Change:
    row = {"start_time": "2026-01-05T07:00:00", "distance": 28_010.3, "duration_hms": 3723, "notes": "new"}
    details = {"start": "2026-01-05T12:00:00+00:00"}
    return Change(kind="add_activity", provider="spreadsheet", month="2026-01", effort="1", new=row, details=details)


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
