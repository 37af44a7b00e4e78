"""The archive that the emulator writes tells the same history as its API, in files that others can read."""

import csv
import gzip
import io
import zipfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import fitdecode
import pytest

from strava_pipeline.emulator.service import EmulatorConfigError
from strava_pipeline.emulator.strava.application import EmulatorConfig
from strava_pipeline.emulator.strava.archive import ArchiveSummary, Layout, Oddities, write_archive
from strava_pipeline.emulator.strava.state import build_state
from strava_pipeline.ingest.archive.bulk_export import BulkExport, activity_format, bulk_exports
from strava_pipeline.ingest.archive.container import open_container

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


def test_the_list_says_what_the_api_says(export: Path) -> None:
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
    made = [io.BytesIO() for _ in range(3)]
    for config, out in zip(
        (small, small, EmulatorConfig(now=NOW, activities=20, years=(2025, 2026), seed=2)), made, strict=True
    ):
        write_archive(config, out)
    assert made[0].getvalue() == made[1].getvalue() != made[2].getvalue()


@pytest.mark.parametrize(
    ("layout", "header", "count"),
    [
        (Layout("de"), "Aktivitäts-ID", 92),
        (Layout("nl"), "Activiteits-ID", 99),
        (Layout("en", 94), "Activity ID", 94),
        (Layout("en", 103), "Activity ID", 103),
    ],
)
def test_every_language_and_layout_tells_the_same(
    export: Path, tmp_path: Path, layout: Layout, header: str, count: int
) -> None:
    write_archive(CONFIG, tmp_path / "export.zip", layout)
    found = read(tmp_path / "export.zip")
    cells = found.activities.header.cells
    assert (cells[0].header, len(cells)) == (header, count)
    assert [row.summary for row in found.activities.rows] == [row.summary for row in read(export).activities.rows]


def test_what_is_wrong_on_purpose_is_as_many_as_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    made = write_archive(CONFIG, path, oddities=Oddities(missing=3, unlisted=2))
    with open_container(path) as container:
        (found,) = bulk_exports(container)
    assert (len(found.missing), len(found.unlisted)) == (3, 2)
    assert made == ArchiveSummary(
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


def test_gpx_and_tcx_begin_when_the_row_says(export: Path) -> None:
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


@pytest.mark.parametrize(("language", "count"), [("xx", None), ("en", 10), ("en", 104)])
def test_a_layout_that_no_archive_has_is_refused(language: str, count: int | None) -> None:
    with pytest.raises(EmulatorConfigError):
        Layout(language, count)
