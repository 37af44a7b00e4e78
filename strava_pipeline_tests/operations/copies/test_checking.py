"""A check finds what is damaged or differs, forgets nothing until it is repaired, and is misled by nothing that goes on."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from strava_pipeline.core.copies.manifests import Manifest
from strava_pipeline.lake.copied import Paths
from strava_pipeline.lake.files import has_no_holder
from strava_pipeline.operations.copies import checking, mirroring
from strava_pipeline_tests.operations.copies.conftest import CONTENTS, DETAIL, World


def test_a_check_finds_what_no_size_shows_and_the_next_run_repairs_it(world: World) -> None:
    world.mirror()
    for name in world.objects:
        path = Path(world.url, name)
        if "blocks" in name:
            path.write_bytes(bytes(path.stat().st_size))
    assert len(world.check().damaged) == 3
    assert len(world.check().damaged) == 3  # a check repairs nothing
    world.mirror()
    assert world.check().agrees
    assert world.restored("back") == CONTENTS


def test_a_check_compares_with_the_files_here(world: World) -> None:
    world.mirror()
    path = world.folder / DETAIL
    stat = path.stat()
    path.write_bytes(b"A detail of 7")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    world.write("goals.toml", b"[run]\nlonger = 1")
    found = world.check()
    assert (found.differing, found.lacking, found.agrees) == ({DETAIL}, 1, False)


def test_a_share_is_a_part_of_the_blocks(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirroring, "BLOCK", 500)
    world.mirror()
    found = world.check(0.1)
    assert (found.blocks, found.read) == (12, 3)


def test_damage_is_known_until_it_is_repaired_whatever_a_later_sample_reads(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirroring, "BLOCK", 500)
    world.mirror()
    blocks = [Path(world.url, name) for name in world.objects if name.startswith("own/blocks/")]
    for path in blocks:
        content = path.read_bytes()
        path.write_bytes(bytes(len(content)))
        assert len(world.check().damaged) == 1
        assert not world.check(0.01).agrees  # one block of each shelf, and the damaged one
        path.write_bytes(content)
        assert world.check(0.01).agrees  # somebody else repaired it


def test_a_check_is_not_misled_by_a_run_that_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a check reads, a run publishes; its copy waits."""
    world.mirror()
    lock, snapshot = world.lake.state / "locks" / "mirror.lock", "data/warehouse/strava.duckdb"
    changed, held = checking.changed_files, []

    def and_publish(paths: Paths, copied: Manifest | None) -> Iterator[str]:
        yield from [*changed(paths, copied)]
        if paths.keys() == {snapshot}:
            held.append(not has_no_holder(lock))
            if len(held) == 2:  # the second look is at what was read
                world.write(snapshot, b"new rows")

    monkeypatch.setattr(checking, "changed_files", and_publish)
    found = world.check()
    assert (found.differing, found.damaged, {*held}) == (set(), [], {True})
