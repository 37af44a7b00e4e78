"""Deleting the data folder where a disk of its own is mounted inside. All else of it: verbs/test_purge_verb.py."""

import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.purge import delete_data, refuse_other_places
from strava_pipeline_tests.small_disk import SmallDisk

PURGE = """
import sys
from pathlib import Path
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.purge import delete_data
delete_data(Lake(Path(sys.argv[1])))
"""


def test_a_disk_mounted_inside_is_emptied_and_stays(tmp_path: Path, on_disk: Callable[[Path], SmallDisk]) -> None:
    data = tmp_path / "data"
    for name in ("bronze/deep/page.json.gz", "bronze/page.json.gz", "warehouse/strava.duckdb"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).touch()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "kept").touch()
    disk = on_disk(data / "bronze")
    (disk.seen / "link").symlink_to(tmp_path / "elsewhere")
    disk.run(sys.executable, "-c", PURGE, str(data)).check_returncode()
    assert list(disk.seen.iterdir()) == []
    assert [path.name for path in disk.seen.parent.iterdir()] == ["bronze"]
    assert (tmp_path / "elsewhere" / "kept").exists()


@pytest.mark.parametrize("is_link", [False, True])
def test_what_came_back_after_an_interrupted_purge_goes_too(tmp_path: Path, is_link: bool) -> None:
    lake = Lake(tmp_path)
    lake.bronze.mkdir()
    (lake.bronze / "new").touch()
    lake.purged.mkdir()
    if is_link:
        (lake.purged / "bronze").symlink_to("nowhere")
    else:
        (lake.purged / "bronze").mkdir()
        (lake.purged / "bronze" / "old").touch()
    delete_data(lake)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("other", "is_refused"),
    [
        ("data", True),
        ("data/deep/within", True),
        ("link/within", True),
        (".", False),
        ("secrets", False),
        ("data2", False),
    ],
)
def test_a_folder_with_something_else_in_it_is_refused(tmp_path: Path, other: str, is_refused: bool) -> None:
    lake = Lake(tmp_path / "data")
    lake.data_dir.mkdir()
    (tmp_path / "link").symlink_to("data")
    with pytest.raises(PipelineError, match="more than data") if is_refused else nullcontext():
        refuse_other_places(lake, [tmp_path / "elsewhere", tmp_path / other])
