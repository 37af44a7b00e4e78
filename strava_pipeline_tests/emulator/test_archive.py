"""The archive that the emulator writes holds the same activities as its API, in files that others can read."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from strava_pipeline.core.files.archive_csv import ArchiveRow
from strava_pipeline.ingest.archive.bulk_export import BulkExport, activity_format, bulk_exports
from strava_pipeline.ingest.archive.container import open_container
from strava_pipeline.ingest.strava.emulator.application import EmulatorConfig
from strava_pipeline.ingest.strava.emulator.archive import write_archive
from strava_pipeline.ingest.strava.emulator.state import build_state
from strava_pipeline_tests.emulator.client import Client
from strava_pipeline_tests.emulator.conftest import Start

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CONFIG = EmulatorConfig(now=NOW, activities=80, years=(2024, 2026), speed=0.0)


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export with nothing wrong."""
    path = tmp_path_factory.mktemp("export") / "export.zip"
    write_archive(CONFIG, path)
    return path


def read(path: Path) -> BulkExport:
    with open_container(path) as container:
        assert list(container.faults) == []
        (found,) = bulk_exports(container)
    assert [str(fault) for fault in found.activities.faults] == []
    assert found.activities.header.unnamed == ()
    assert found.activities.unknown_sports == {}
    return found


def test_the_list_agrees_with_the_api(export: Path) -> None:
    state = build_state(CONFIG)
    rows = {row.activity_id: row for row in read(export).activities.rows}
    existing = state.store.existing(state.epoch)
    assert rows.keys() == {each.id for each in existing}
    for each in existing:
        summary, detail, row = each.source.summary(), each.source.detail(), rows[each.id]
        assert {name: row.summary.get(name) for name in ("name", "sport_type", "start_date")} == {
            name: summary[name] for name in ("name", "sport_type", "start_date")
        }
        numbers = [
            "distance",
            "elapsed_time",
            "moving_time",
            "total_elevation_gain",
            "average_heartrate",
            "suffer_score",
        ]
        for name in (*numbers, "max_speed", "weighted_average_watts", "commute", "gear_id"):
            assert row.summary.get(name) == summary.get(name), name
        assert row.description == detail["description"]
        assert (row.filename is None) == (row.unexported or summary["manual"])


def test_every_file_is_named_by_a_row_and_numbered_by_its_upload(export: Path) -> None:
    state = build_state(CONFIG)
    uploads = {each.id: each.source.summary()["upload_id"] for each in state.store.existing(state.epoch)}
    found = read(export)
    assert (list(found.missing), list(found.unlisted), list(found.missing_media)) == ([], [], [])
    assert len(found.files) > 60
    for name, row in found.files.items():
        assert name.startswith(f"activities/{uploads[row.activity_id or 0]}.")
    assert {activity_format(name) for name in found.files} >= {"fit.gz", "gpx.gz", "gpx", "tcx.gz"}
    assert found.athlete_id == state.athlete["id"]
    assert {gear.name for gear in found.gear} == {item["nickname"] or item["name"] for item in state.gear.values()}


@pytest.fixture
def client(start: Start) -> Client:
    return start()


def order_archive(client: Client, order: dict[str, Any] | None = None) -> requests.Response:
    return requests.post(f"{client.url}/_emulator/archive", json=order, timeout=60)


def ordered_export(client: Client, tmp_path: Path, order: dict[str, Any] | None = None) -> BulkExport:
    answer = order_archive(client, order)
    assert answer.status_code == 200, answer.text
    path = tmp_path / "export.zip"
    path.write_bytes(answer.content)
    with open_container(path) as container:
        assert list(container.faults) == []
        (found,) = bulk_exports(container)
    return found


def rows(export: BulkExport) -> dict[int | None, ArchiveRow]:
    return {row.activity_id: row for row in export.activities.rows}


def test_edits_deletions_and_late_uploads_are_in_it(client: Client, tmp_path: Path) -> None:
    before = rows(ordered_export(client, tmp_path))
    edited, deleted = client.ids()[3], client.ids()[5]
    client.control("/edit", id=edited, set={"name": "Renamed ✏️", "sport_type": "Hike", "description": "new"})
    client.control("/delete", id=deleted)
    late = client.control("/add", generate={"start_date": "2025-05-04T06:00:00Z", "sport_type": "Run"})["id"]
    given = client.control("/add", activity={"name": "By hand", "distance": 1234.5, "manual": True})["id"]
    ahead = client.control("/add", generate={"start_date": "2026-06-01T13:00:00Z", "sport_type": "Walk"})["id"]
    found = ordered_export(client, tmp_path)
    assert rows(found).keys() == (before.keys() - {deleted}) | {late, given}
    row = rows(found)[edited]
    assert (row.name, row.sport_type, row.description) == ("Renamed ✏️", "Hike", "new")
    assert row.filename == before[edited].filename, "what was recorded stays"
    assert rows(found)[late].filename is not None
    assert (rows(found)[given].filename, rows(found)[given].distance_m) == (None, 1234.5)
    assert [each.started_at for each in found.activities.rows] == sorted(
        each.started_at for each in found.activities.rows if each.started_at
    )
    same = before.keys() - {edited, deleted}
    assert {key: rows(found)[key].summary for key in same} == {key: before[key].summary for key in same}
    client.control("/clock", advance=12 * 3600)
    assert ahead in rows(ordered_export(client, tmp_path))


def test_language_columns_and_oddities_are_on_order(client: Client, tmp_path: Path) -> None:
    found = ordered_export(client, tmp_path, {"language": "de", "columns": 90, "missing": 3, "unlisted": 2})
    cells = found.activities.header.cells
    assert (cells[0].header, len(cells)) == ("Aktivitäts-ID", 90)
    assert (len(found.missing), len(found.unlisted)) == (3, 2)
