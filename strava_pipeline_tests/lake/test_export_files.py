"""lake.gold.export_files: the files of `export gold`, and that only what changed is written again."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.core.tables.exported import exported_tables
from strava_pipeline.lake.files import write_whole
from strava_pipeline.lake.gold import export_files as export_files_module
from strava_pipeline.lake.gold.export_files import CSV, PARQUET, FilesReport, export_files
from strava_pipeline.lake.gold.notes import mark_changed
from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.lake.gold.warehouse import writing
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.insight_rows import activity, put

TABLES = {
    name: table
    for name, table in exported_tables(with_positions=True).items()
    if name in ("activities", "athlete", "activity_splits_metric")
}
TWO = [
    activity(
        -(2**62), "2019-05-04T10:00:00.5", name='=HYPERLINK("x"), 🚴', end_latlng=[52.5, 13.25], distance=float("nan")
    ),
    activity(2, "2021-05-04T10:00:00", name="A", commute=True, extra='{"a": [1, "b"]}'),
]
ORPHAN = {"activity_id": 99, "split_index": 1, "distance_m": 1000.0}  # of no activity, and so of no year


@pytest.fixture
def gold(lake: Lake) -> Lake:
    put(lake, TWO)
    put(lake, [ORPHAN], "activity_splits_metric")
    put(lake, [{"athlete_id": 7, "fetched_at": "2024-01-01"}], "athlete")
    publish(lake)
    return lake


def export(lake: Lake, to: Path, form: str = PARQUET, *, as_text: bool = False, **kinds: Any) -> FilesReport:
    return export_files(lake, to, kinds.get("tables", TABLES), form, lambda _: None, as_text=as_text)


def change(lake: Lake, statement: str) -> None:
    with writing(lake) as connection:
        connection.execute(statement)
        mark_changed(connection)
    publish(lake)


def rows(query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        return connection.execute(query).fetchall()


def files_in(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]


def test_parquet_by_year_reads_back_the_same(gold: Lake, tmp_path: Path) -> None:
    to = tmp_path / "out"
    assert export(gold, to) == FilesReport(files=4, rows=4, written=4, deleted=0)
    assert sorted(files_in(to)) == [
        "activities/year=2019/activities.parquet",
        "activities/year=2021/activities.parquet",
        "activity_splits_metric/year=__HIVE_DEFAULT_PARTITION__/activity_splits_metric.parquet",
        "athlete/athlete.parquet",
        "exported_parquet.json",
    ]
    read = f"read_parquet('{to}/activities/**/*.parquet', hive_partitioning = true)"
    assert rows(f"SELECT id, year, name, end_latlng, commute, extra FROM {read} ORDER BY id") == [
        (TWO[0]["id"], 2019, TWO[0]["name"], [52.5, 13.25], None, None),
        (2, 2021, "A", None, True, '{"a": [1, "b"]}'),
    ]
    assert rows(f"SELECT year FROM read_parquet('{to}/activity_splits_metric/**', hive_partitioning=true)") == [(None,)]


@pytest.mark.dear
def test_only_what_changed_is_written_again_and_what_is_gone_is_deleted(gold: Lake, tmp_path: Path) -> None:
    to = tmp_path / "out"
    export(gold, to)
    before = {path: path.stat() for path in to.rglob("*") if path.is_file()}
    assert export(gold, to).written == 0
    assert {path: path.stat() for path in before} == before, "not even the list"
    change(gold, "UPDATE activities_all SET name = 'B' WHERE id = 2")
    assert export(gold, to).written == 1
    change(gold, "DELETE FROM activities_all WHERE id < 0")
    assert (export(gold, to).deleted, "activities/year=2019/activities.parquet" in files_in(to)) == (1, False)
    (to / "athlete/athlete.parquet").unlink()
    assert export(gold, to).written == 1, "what a person deleted"
    fewer = {name: table for name, table in TABLES.items() if name != "athlete"}
    assert export(gold, to, tables=fewer).deleted == 1


@pytest.mark.dear
def test_csv_is_as_elsewhere_here(gold: Lake, tmp_path: Path) -> None:
    to = tmp_path / "out"
    export(gold, to, CSV)
    file = to / "activities/year=2019/activities.csv"
    (row,) = csv.DictReader(file.read_text().splitlines())
    names = ["id", "name", "start_date", "start_date_local", "end_latlng", "distance", "commute"]
    shown = {name: row[name] for name in names}
    assert shown == {
        "id": str(TWO[0]["id"]),
        "name": TWO[0]["name"],
        "start_date": "2019-05-04T10:00:00.500000Z",
        "start_date_local": "2019-05-04T10:00:00.500000",
        "end_latlng": "[52.5,13.25]",
        "distance": "",
        "commute": "",
    }
    other = (to / "activities/year=2021/activities.csv").read_text()
    assert ",2021-05-04T10:00:00Z,2021-05-04T10:00:00," in other
    assert ",true," in other
    assert export(gold, to, CSV, as_text=True).written == 4, "other options, other files"
    assert next(csv.DictReader(file.read_text().splitlines()))["name"] == f"'{TWO[0]['name']}"
    assert export(gold, to, PARQUET).written == 4, "beside it"
    assert export(gold, to, CSV, as_text=True).written == 0
    change(gold, "UPDATE activities_all SET name = '＝1+1' WHERE id = 2")
    export(gold, to, CSV, as_text=True)
    assert ",'＝1+1," in (to / "activities/year=2021/activities.csv").read_text()


def test_an_interrupted_export_goes_on(gold: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = 3

    def write_some(path: Path, content: bytes) -> None:
        nonlocal left
        if path.suffix == ".parquet":
            if not left:
                raise OSError(28, "No space left on device")
            left -= 1
        write_whole(path, content)

    to = tmp_path / "out"
    monkeypatch.setattr(export_files_module, "write_whole", write_some)
    with pytest.raises(OSError, match="No space"):
        export(gold, to)
    monkeypatch.undo()
    assert export(gold, to).written == 4
    assert not [path for path in files_in(to) if path.endswith("tmp")]
    assert not [path for path in gold.snapshot.parent.iterdir() if path.name.startswith(".export")]


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (
            lambda folder: (folder / "athlete.parquet").write_bytes(b"mine"),
            "athlete/athlete.parquet in .* is of no export",
        ),
        (lambda folder: (folder.parent / "exported_parquet.json").write_text("[]"), "can't be read"),
    ],
)
def test_what_no_export_wrote_stays(gold: Lake, tmp_path: Path, prepare: Callable[[Path], object], said: str) -> None:
    folder = tmp_path / "out" / "athlete"
    folder.mkdir(parents=True)
    prepare(folder)
    before = {path: path.read_bytes() for path in folder.parent.rglob("*") if path.is_file()}
    with pytest.raises(MisuseError, match=said):
        export(gold, tmp_path / "out")
    assert {path: path.read_bytes() for path in before} == before


def test_the_list_says_no_more_than_it_must(gold: Lake, tmp_path: Path) -> None:
    export(gold, tmp_path / "out")
    listed = json.loads((tmp_path / "out/exported_parquet.json").read_text())
    assert {name for each in listed["files"].values() for name in each} == {"content", "bytes"}
