"""operations.exporting: files of gold in a folder, and rows in PostgreSQL that can't be deleted."""

from pathlib import Path

import pytest

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.core.tables.exported import exported_tables
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.gold.export_files import FilesReport
from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.exporting import files_of_gold, purge_exported
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import activity, put

TABLES = {key: table for key, table in exported_tables(with_positions=True).items() if key in ("activities", "files")}


@pytest.fixture
def gold(new_lake: NewLake, tmp_path: Path) -> Lake:
    lake = new_lake(tmp_path / "data")
    put(lake, [activity(1, "2020-05-04"), activity(2, "2021-05-04")])
    publish(lake)
    return lake


def export(settings: Settings, to: str, form: str = "csv") -> FilesReport:
    return files_of_gold(settings, to, form, TABLES, lambda _: None)


def test_a_folder_gets_the_files_and_again_only_what_changed(gold: Lake, tmp_path: Path) -> None:
    settings, to = Settings.load(_env_file=None, data_dir=gold.data_dir), str(tmp_path / "gold")
    assert export(settings, to) == FilesReport(files=2, rows=2, written=2, deleted=0)
    assert export(settings, to) == FilesReport(files=2, rows=2, written=0, deleted=0)
    escaped = settings.model_copy(update={"csv_escape_formulas": True})
    assert export(escaped, to).written == 2
    with pytest.raises(MisuseError, match=r"s3://mine/folder is not a folder\. Name one"):
        export(settings, "s3://mine/folder")


def test_rows_that_can_t_go_are_named_by_the_number_of_their_folder(
    gold: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"postgresql://me:secret@/db?host={tmp_path}"
    settings = Settings.load(_env_file=None, data_dir=tmp_path / "gone", export_url=url)

    def left() -> str:
        (said,) = purge_exported(settings, None)
        assert "secret" not in said
        return said.partition(" = ")[2].partition(".")[0]

    alone = left()
    named = []
    for name in ("ann", "bob", "ann"):
        monkeypatch.setenv("STRAVA_ATHLETE", name)
        named.append(left())
    assert (alone, named[0] == named[2], named[0] == named[1]) == ("0", True, False)
    assert all(int(each) < 0 for each in named)
