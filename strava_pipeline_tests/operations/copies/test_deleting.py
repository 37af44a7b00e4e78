"""A purge takes the copy of its own folder, and no other; what came by Strava's API goes alone where that is asked for."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.ingest.copy_store import CopyStore, open_store
from strava_pipeline.lake.copied import known_copy
from strava_pipeline.operations.copies.deleting import delete_copy
from strava_pipeline_tests.operations.copies.conftest import CONTENTS, World


def delete(world: World, *, api: bool = False) -> int:
    return delete_copy(world.lake, open_store(world.settings), api=api)


def test_all_of_it_goes_without_a_key(world: World) -> None:
    world.mirror()
    objects = len(world.objects)
    (world.folder.parent / "key").unlink()
    assert delete(world) == objects
    assert (world.objects, known_copy(world.lake)) == ({}, None)


def test_what_a_killed_process_left_goes_too(world: World) -> None:
    world.mirror()
    before = world.objects
    for name in ("api/blocks/0123#1", "own/manifests/00000002#2", "copy.json#1", "a person's #1"):
        Path(world.url, name).write_bytes(b"half an object")
    delete(world, api=True)
    assert world.objects.keys() - before.keys() == {"own/manifests/00000002#2", "copy.json#1", "a person's #1"}
    delete(world)
    assert world.objects.keys() == {"a person's #1"}


def test_a_copy_on_a_disk_that_is_not_mounted_is_not_taken_for_none(world: World) -> None:
    world.mirror()
    Path(world.url).rename(world.folder / "unmounted")
    Path(world.url).mkdir()
    with pytest.raises(PipelineError, match="Is its disk mounted"):
        delete(world)
    assert known_copy(world.lake) is not None


def test_what_came_by_the_api_goes_alone_and_the_copy_goes_on(world: World) -> None:
    world.mirror()
    assert delete(world, api=True) == 4
    own = {name for name in CONTENTS if "bronze/activit" not in name and "warehouse" not in name}
    assert world.restored("back").keys() == own
    for path in (*world.lake.listings.rglob("*.*"), *world.lake.details.rglob("*.gz")):
        path.unlink()
    world.mirror()
    assert world.check().agrees
    assert world.restored("again").keys() == own | {"data/warehouse/strava.duckdb"}


def test_the_copy_of_another_folder_stays(world: World) -> None:
    world.mirror()
    before = world.objects
    world.lake.copied.rename(world.folder / "elsewhere")
    with pytest.raises(PipelineError, match="another folder's"):
        delete(world)
    assert world.objects == before


def test_a_store_that_keeps_what_it_should_delete_is_noticed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.mirror()

    def keep(store: CopyStore, paths: Iterable[str]) -> None:
        """Says nothing, and deletes nothing."""

    monkeypatch.setattr(CopyStore, "delete", keep)
    with pytest.raises(PipelineError, match="still has 6 objects"):
        delete(world)
    assert known_copy(world.lake) is not None
