"""The archive that the emulator writes holds the same activities as its API, in files that others can read."""

import csv
import gzip
import io
import json
import zipfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fitdecode
import pytest
import requests

from strava_pipeline.core.files.archive_csv import ArchiveRow
from strava_pipeline.ingest.archive.bulk_export import BulkExport, activity_format, bulk_exports
from strava_pipeline.ingest.archive.container import open_container
from strava_pipeline.ingest.strava.emulator.application import EmulatorConfig
from strava_pipeline.ingest.strava.emulator.archive import ArchiveSummary, Layout, Oddities, write_archive
from strava_pipeline.ingest.strava.emulator.state import build_state
from strava_pipeline_tests.emulator.client import Client
from strava_pipeline_tests.emulator.conftest import Start, config

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


def test_swims_are_shown_in_metres_and_the_rest_in_kilometres(export: Path) -> None:
    with zipfile.ZipFile(export) as archive:
        rows = list(csv.reader(io.StringIO(archive.read("activities.csv").decode(), newline="")))
    distance = rows[0].index("Distance")
    swims = {row[distance] for row in rows if row[3] == "Swim"}
    rides = {row[distance] for row in rows if row[3] == "Ride"}
    assert swims
    assert rides
    assert not any("." in each for each in swims)
    assert all(each[-3] == "." for each in rides)


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


def test_the_same_configuration_makes_the_same_bytes_and_another_seed_others() -> None:
    small = EmulatorConfig(now=NOW, activities=20, years=(2025, 2026))
    archives = [io.BytesIO() for _ in range(3)]
    for configuration, out in zip(
        (small, small, EmulatorConfig(now=NOW, activities=20, years=(2025, 2026), seed=2)), archives, strict=True
    ):
        write_archive(configuration, out)
    assert archives[0].getvalue() == archives[1].getvalue() != archives[2].getvalue()


@pytest.mark.parametrize(
    ("layout", "header", "count"),
    [
        (Layout("de"), "Aktivitäts-ID", 92),
        (Layout("nl"), "Activiteits-ID", 99),
        (Layout("en", 94), "Activity ID", 94),
        (Layout("en", 103), "Activity ID", 103),
    ],
)
def test_every_language_and_layout_holds_the_same(
    export: Path, tmp_path: Path, layout: Layout, header: str, count: int
) -> None:
    write_archive(CONFIG, tmp_path / "export.zip", layout)
    found = read(tmp_path / "export.zip")
    cells = found.activities.header.cells
    assert (cells[0].header, len(cells)) == (header, count)
    assert [row.summary for row in found.activities.rows] == [row.summary for row in read(export).activities.rows]


def test_there_are_as_many_deliberate_faults_as_ordered(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    summary = write_archive(CONFIG, path, oddities=Oddities(missing=3, unlisted=2))
    with open_container(path) as container:
        (found,) = bulk_exports(container)
    assert (len(found.missing), len(found.unlisted)) == (3, 2)
    assert summary == ArchiveSummary(
        rows=len(found.activities.rows),
        files=len(found.files) + 3,
        without_file=sum(row.filename is None for row in found.activities.rows),
    )


def test_readers_of_fit_read_the_fit_files(export: Path) -> None:
    found = read(export)
    with zipfile.ZipFile(export) as archive:
        names = [name for name in found.files if name.endswith((".fit", ".fit.gz"))]
        for name in names:
            body = archive.read(name)
            body = gzip.decompress(body) if name.endswith(".gz") else body
            row = found.files[name]
            reader = fitdecode.FitReader(io.BytesIO(body), check_crc=fitdecode.CrcCheck.RAISE)
            data = [frame for frame in reader if frame.frame_type == fitdecode.FIT_FRAME_DATA]
            (session,) = [frame for frame in data if frame.name == "session"]
            assert session.get_value("start_time") == row.started_at
            assert session.get_value("total_distance") == pytest.approx(row.distance_m, abs=0.01)
            assert session.get_value("total_elapsed_time") == row.elapsed_s
            assert Counter(frame.name for frame in data)["record"] > 1
    assert names


def test_gpx_and_tcx_begin_at_the_start_in_the_row(export: Path) -> None:
    found = read(export)
    with zipfile.ZipFile(export) as archive:
        for name, row in found.files.items():
            form = activity_format(name) or ""
            if form.startswith("fit"):
                continue
            body = archive.read(name)
            text = (gzip.decompress(body) if form.endswith(".gz") else body).decode()
            assert text.startswith(" " * 10 + "<?xml" if "tcx" in form else "<?xml")
            assert f"ime>{row.started_at:%Y-%m-%dT%H:%M:%SZ}</" in text


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


def test_while_nothing_happened_it_is_the_archive_of_the_configuration(client: Client) -> None:
    answer, expected = order_archive(client), io.BytesIO()
    write_archive(config(), expected)
    assert answer.content == expected.getvalue()
    assert answer.headers["content-type"] == "application/zip"
    athlete = client.truth()["athlete"]["id"]
    assert answer.headers["content-disposition"] == f'attachment; filename="export_{athlete}.zip"'
    assert client.calls()["by_endpoint"] == {}, "it needs no token and counts nowhere"


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


def test_of_a_dataset_with_few_fields_the_cells_are_empty(start: Start, tmp_path: Path) -> None:
    (tmp_path / "poor.json").write_text(
        json.dumps(
            [
                {"id": 7, "start_date": "2024-05-01T06:00:00Z", "type": "Ride", "gear_id": "beater"},
                {"id": 8, "start_date": "2024-05-02T06:00:00Z", "distance": None, "name": "Nothing"},
            ]
        )
    )
    found = rows(ordered_export(start(dataset=tmp_path / "poor.json"), tmp_path))
    assert found.keys() == {7, 8}
    assert (found[7].sport_type, found[7].gear_id, found[7].elapsed_s) == ("Ride", None, None)
    assert (found[8].name, found[8].distance_m) == ("Nothing", None)
