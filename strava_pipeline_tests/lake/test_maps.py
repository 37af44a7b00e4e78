"""Regions of the map: what can be one, and that a file is added whole or not at all."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.errors import MisuseError, PipelineError
from strava_pipeline.lake.maps import (
    NoRegionError,
    Region,
    add_region,
    region_path,
    regions,
    remove_region,
    uploading_region,
)
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.pmtiles import BERLIN, VIENNA, region, write_region
from strava_pipeline_tests.small_disk import SIZE, SmallDisk


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "data")


def test_a_region_is_added_replaced_and_removed(lake: Lake, tmp_path: Path) -> None:
    assert regions(lake) == {}
    name, added = add_region(lake, write_region(tmp_path / "home.pmtiles", VIENNA))
    assert (name, added.box, added.min_zoom, added.max_zoom) == ("home.pmtiles", VIENNA, 0, 14)
    assert regions(lake) == {"home.pmtiles": added}
    add_region(lake, write_region(tmp_path / "home.pmtiles", BERLIN))
    found = regions(lake)["home.pmtiles"]
    assert isinstance(found, Region)
    assert found.box == BERLIN
    assert (lake.maps / "home.pmtiles").read_bytes() == (tmp_path / "home.pmtiles").read_bytes()
    assert [path.name for path in lake.maps.iterdir()] == ["home.pmtiles"]
    with pytest.raises(NoRegionError, match="no region away"):
        remove_region(lake, "away")
    remove_region(lake, "home")
    assert regions(lake) == {}


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"magic": b"SQLite "}, "is no PMTiles archive"),
        ({"version": 2}, "not of version 3"),
        ({"kind": 2}, "has no vector tiles"),
        ({"compression": 4}, "compression is not gzip"),
        ({"max_zoom": 200}, "no part of the Earth"),
        ({"layers": "transportation water"}, "other layers than the map draws"),
    ],
)
def test_another_file_is_refused_and_not_written(lake: Lake, tmp_path: Path, other: dict[str, Any], why: str) -> None:
    with pytest.raises(NoRegionError, match=why) as refused:
        add_region(lake, write_region(tmp_path / "home.pmtiles", **other))
    assert "/maps" in str(refused.value), "what to do"
    assert not lake.maps.exists()


def test_a_region_that_arrives_in_pieces_is_kept_when_it_is_one_and_never_over_another(lake: Lake) -> None:
    def send(body: bytes, name: str = "home.pmtiles") -> str:
        with uploading_region(lake, name, len(body)) as upload:
            for begin in range(0, len(body), 100):
                upload.write(body[begin : begin + 100])
            return upload.finish()

    whole = region()
    refused = ((whole[:-1], "home.pmtiles", "is not whole"), (region(layers="water"), "home.pmtiles", "other layers"))
    for body, name, why in (*refused, (b"", "home.pmtiles", "no PMTiles"), (whole, "../home.pmtiles", "no name")):
        with pytest.raises(NoRegionError, match=why):
            send(body, name)
    assert regions(lake) == {}
    assert send(whole) == send(whole) == "home.pmtiles"
    with pytest.raises(MisuseError, match=r"Another home\.pmtiles is there"):
        send(region(BERLIN))
    assert [(path.name, path.read_bytes()) for path in lake.maps.iterdir()] == [("home.pmtiles", whole)]


@pytest.mark.parametrize("box", [(16.7, 48.0, 16.1, 48.4), (16.1, 48.0, 16.7, 98.0)])
def test_a_box_that_is_none_is_refused(lake: Lake, tmp_path: Path, box: tuple[float, float, float, float]) -> None:
    with pytest.raises(NoRegionError, match="no part of the Earth"):
        add_region(lake, write_region(tmp_path / "home.pmtiles", box))


def test_a_truncated_file_is_refused_and_one_that_is_truncated_later_is_damaged(lake: Lake, tmp_path: Path) -> None:
    whole = write_region(tmp_path / "home.pmtiles")
    body = whole.read_bytes()
    add_region(lake, whole)
    for length in (0, 5, 100, 127, len(body) - 1):
        whole.write_bytes(body[:length])
        with pytest.raises(NoRegionError):
            add_region(lake, whole)
        kept = lake.maps / "home.pmtiles"
        assert kept.read_bytes() == body, "the region that is there stays"
        kept.write_bytes(body[:length])
        assert regions(lake) == {"home.pmtiles": None}
        kept.write_bytes(body)


@pytest.mark.parametrize("name", ["über.pmtiles", "a b.pmtiles", ".pmtiles", "home.mbtiles", "a" * 65 + ".pmtiles"])
def test_a_name_unfit_for_an_address_is_refused_with_one_that_fits(lake: Lake, tmp_path: Path, name: str) -> None:
    with pytest.raises(NoRegionError, match=r"home\.pmtiles"):
        add_region(lake, write_region(tmp_path / name))
    assert region_path(lake, f"../{name}") is None


def test_a_full_disk_is_said_before_anything_is_copied(tmp_path: Path, on_disk: Callable[[Path], SmallDisk]) -> None:
    (tmp_path / "disk").mkdir()
    lake, large = Lake(on_disk(tmp_path / "disk").seen / "data"), write_region(tmp_path / "home.pmtiles")
    with large.open("r+b") as file:
        file.truncate(SIZE + 1)
    with pytest.raises(PipelineError, match="Make room, or extract less"):
        add_region(lake, large)
    assert not lake.maps.exists()


def test_what_is_no_file_is_refused_and_others_in_the_folder_are_passed_over(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(NoRegionError, match="There is no file"):
        add_region(lake, tmp_path / "home.pmtiles")
    (lake.maps / "folder.pmtiles").mkdir(parents=True)
    (lake.maps / "notes.txt").touch()
    assert regions(lake) == {"folder.pmtiles": None}
    assert region_path(lake, "folder.pmtiles") is None
