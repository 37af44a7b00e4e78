"""POST /_emulator/archive: the archive as it is now, whatever has happened since the emulator began."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
import requests

from strava_pipeline.core.files.archive_csv import ArchiveRow
from strava_pipeline.emulator.strava.archive import write_archive
from strava_pipeline.ingest.archive.bulk_export import BulkExport, bulk_exports
from strava_pipeline.ingest.archive.container import open_container
from strava_pipeline_tests.emulator.client import Client
from strava_pipeline_tests.emulator.conftest import Start, config


@pytest.fixture
def client(start: Start) -> Client:
    return start()


def asked(client: Client, order: dict[str, Any] | None = None) -> requests.Response:
    return requests.post(f"{client.url}/_emulator/archive", json=order, timeout=60)


def taken(client: Client, tmp_path: Path, order: dict[str, Any] | None = None) -> BulkExport:
    answer = asked(client, order)
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
    answer, written = asked(client), io.BytesIO()
    write_archive(config(), written)
    assert answer.content == written.getvalue()
    assert answer.headers["content-type"] == "application/zip"
    athlete = client.truth()["athlete"]["id"]
    assert answer.headers["content-disposition"] == f'attachment; filename="export_{athlete}.zip"'
    assert client.calls()["by_endpoint"] == {}, "it needs no token and counts nowhere"


def test_edits_deletions_and_late_uploads_are_in_it(client: Client, tmp_path: Path) -> None:
    before = rows(taken(client, tmp_path))
    edited, deleted = client.ids()[3], client.ids()[5]
    client.control("/edit", id=edited, set={"name": "Renamed ✏️", "sport_type": "Hike", "description": "new"})
    client.control("/delete", id=deleted)
    late = client.control("/add", generate={"start_date": "2025-05-04T06:00:00Z", "sport_type": "Run"})["id"]
    given = client.control("/add", activity={"name": "By hand", "distance": 1234.5, "manual": True})["id"]
    ahead = client.control("/add", generate={"start_date": "2026-06-01T13:00:00Z", "sport_type": "Walk"})["id"]
    found = taken(client, tmp_path)
    assert rows(found).keys() == (before.keys() - {deleted}) | {late, given}
    told = rows(found)[edited]
    assert (told.name, told.sport_type, told.description) == ("Renamed ✏️", "Hike", "new")
    assert told.filename == before[edited].filename, "what was recorded stays"
    assert rows(found)[late].filename is not None
    assert (rows(found)[given].filename, rows(found)[given].distance_m) == (None, 1234.5)
    assert [each.started_at for each in found.activities.rows] == sorted(
        each.started_at for each in found.activities.rows if each.started_at
    )
    same = before.keys() - {edited, deleted}
    assert {key: rows(found)[key].summary for key in same} == {key: before[key].summary for key in same}
    client.control("/clock", advance=12 * 3600)
    assert ahead in rows(taken(client, tmp_path))


def test_language_columns_and_oddities_are_on_order(client: Client, tmp_path: Path) -> None:
    found = taken(client, tmp_path, {"language": "de", "columns": 90, "missing": 3, "unlisted": 2})
    cells = found.activities.header.cells
    assert (cells[0].header, len(cells)) == ("Aktivitäts-ID", 90)
    assert (len(found.missing), len(found.unlisted)) == (3, 2)


@pytest.mark.parametrize(
    ("order", "word"),
    [
        ({"language": "xx"}, "'xx'"),
        ({"language": None}, "en, nl, de"),
        ({"columns": 10}, "86 to 103"),
        ({"columns": "90"}, "'90'"),
        ({"missing": -1}, "-1"),
        ({"unlisted": True}, "True"),
        ({"rows": 3}, "Unknown fields rows"),
    ],
)
def test_an_archive_that_can_not_be_written_is_refused(client: Client, order: dict[str, Any], word: str) -> None:
    answer = asked(client, order)
    assert answer.status_code == 400
    assert word in answer.json()["message"]


def test_of_a_dataset_that_tells_little_the_cells_are_empty(start: Start, tmp_path: Path) -> None:
    (tmp_path / "poor.json").write_text(
        json.dumps(
            [
                {"id": 7, "start_date": "2024-05-01T06:00:00Z", "type": "Ride", "gear_id": "beater"},
                {"id": 8, "start_date": "2024-05-02T06:00:00Z", "distance": None, "name": "Nothing"},
            ]
        )
    )
    found = rows(taken(start(dataset=tmp_path / "poor.json"), tmp_path))
    assert found.keys() == {7, 8}
    assert (found[7].sport_type, found[7].gear_id, found[7].elapsed_s) == ("Ride", None, None)
    assert (found[8].name, found[8].distance_m) == ("Nothing", None)


def test_it_is_dated_by_the_emulators_clock_as_far_as_a_zip_can(client: Client) -> None:
    client.control("/clock", set="1975-01-01T00:00:00Z")
    assert asked(client).status_code == 200
