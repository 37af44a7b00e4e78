"""operations.exporting: files of gold in a bucket, and places that are none."""

from pathlib import Path

import pytest

from strava_pipeline.core.errors import MisuseError, PipelineError
from strava_pipeline.core.tables.exported import exported_tables
from strava_pipeline.lake.gold.export_files import FilesReport
from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.exporting import files_of_gold, purge_exported
from strava_pipeline.settings import Settings
from strava_pipeline_tests import s3
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import activity, put

TABLES = {
    name: table for name, table in exported_tables(with_positions=True).items() if name in ("activities", "files")
}


@pytest.fixture
def gold(new_lake: NewLake, tmp_path: Path) -> Lake:
    lake = new_lake(tmp_path / "data")
    put(lake, [activity(1, "2020-05-04"), activity(2, "2021-05-04")])
    publish(lake)
    return lake


def export(settings: Settings, to: str, form: str = "csv") -> FilesReport:
    return files_of_gold(settings, to, form, TABLES, lambda _: None)


def test_a_bucket_gets_the_files_and_again_only_what_changed(gold: Lake) -> None:
    with s3.started() as server:
        to = server.make("gold")
        settings = Settings.load(_env_file=None, data_dir=gold.data_dir, **server.settings)
        assert export(settings, to) == FilesReport(files=2, rows=2, written=2, deleted=0)
        assert export(settings, to) == FilesReport(files=2, rows=2, written=0, deleted=0)
        escaped = settings.model_copy(update={"csv_escape_formulas": True})
        assert export(escaped, to).written == 2
        with pytest.raises(PipelineError, match="NoSuchBucket"):
            export(settings, "s3://none/folder")


def test_what_is_no_place_is_said(gold: Lake) -> None:
    settings = Settings.load(_env_file=None, data_dir=gold.data_dir)
    with pytest.raises(MisuseError, match="ftp://host/x is no place for files"):
        export(settings, "ftp://host/x")


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
