"""The copy holds what can't be made again, in every state of every day, and nothing that is secret."""

import os
import zlib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.copies.sealing import NONCE_BYTES, key_text
from strava_pipeline.core.errors import MissingSettingsError, MisuseError, PipelineError
from strava_pipeline.ingest.copy_store import CopyStore
from strava_pipeline.lake.bronze.expired import Expired
from strava_pipeline.lake.copied import copy_age, known_copy
from strava_pipeline.lake.decisions import record_decisions
from strava_pipeline.operations.copies import mirroring
from strava_pipeline.operations.copies.opened import LyingStoreError
from strava_pipeline_tests.operations.copies.conftest import CONTENTS, DETAIL, World

DAY = date(2026, 3, 10)
MATCHES = "data/decisions/matches.jsonl"


def test_what_is_restored_is_what_was_there_and_nothing_secret(world: World) -> None:
    world.mirror()
    assert world.restored("back") == CONTENTS
    assert (world.folder.parent / "back" / DETAIL).stat().st_mtime_ns == (world.folder / DETAIL).stat().st_mtime_ns


def test_a_second_run_without_a_change_puts_nothing(world: World) -> None:
    first, before = world.mirror(), world.objects
    second = world.mirror()
    assert (first.files, first.calls["put"], first.calls["get"]) == (len(CONTENTS), 1 + 3 * 2, 2 + 3 * 2)
    assert (second.files, second.calls) == (0, {"get": 1, "list": 1})
    assert world.objects == before


def test_a_copy_in_a_folder_is_on_the_disk_before_it_counts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    states = []
    monkeypatch.setattr(os, "sync", lambda: states.append((len(world.objects), known_copy(world.lake))))
    world.mirror()
    ((objects, known),) = states
    assert (objects, known and known.at) == (len(world.objects), None)
    world.mirror()
    assert len(states) == 1, "nothing was put"


def test_each_day_s_state_can_be_restored(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Journals that grow, files that come and go, and more manifests than one chain has."""
    monkeypatch.setattr(mirroring, "CHAIN", 3)
    states = {}
    for world.days in range(8):
        with (world.folder / MATCHES).open("ab") as file:
            file.write(b'{"decided": 2}\n')
        world.write(f"data/decisions/day{world.days}.jsonl", b"x")
        (world.folder / f"data/decisions/day{world.days - 2}.jsonl").unlink(missing_ok=True)
        world.write("data/warehouse/strava.duckdb", b"tables of %d" % world.days)
        world.mirror()
        states[world.days] = {path.name: path.read_bytes() for path in world.lake.decisions.iterdir()}
    for day, state in states.items():
        restored = world.restored(f"back{day}", date(2026, 3, 10 + day))
        assert {Path(name).name: content for name, content in restored.items() if "decisions" in name} == state
    assert ("data/warehouse/strava.duckdb" in restored, restored.keys() >= CONTENTS.keys()) == (True, True)
    assert "data/warehouse/strava.duckdb" not in world.restored("early", DAY)  # one is kept; a rebuild makes it
    with pytest.raises(MisuseError, match="begins on 2026-03-10"):
        world.restore("before", date(2026, 3, 9))


def test_the_first_day_is_named_where_nothing_is_a_person_s_own(world: World) -> None:
    for name in CONTENTS:
        if not name.startswith("data/bronze/activit"):
            (world.folder / name).unlink()
    world.mirror()
    with pytest.raises(MisuseError, match="begins on 2026-03-10"):
        world.restore("before", date(2026, 3, 9))


def test_objects_names_and_bytes_say_nothing(world: World) -> None:
    world.mirror()
    everything = b"\n".join([*world.objects.values(), *(name.encode() for name in world.objects)])
    for secret in (b"a detail of 7", b"page-0001", b"year=2025", b"goals", b"decided", b"0000042"):
        assert secret not in everything
    for content in (content for name, content in world.objects.items() if "manifests" in name):
        for head in (0, NONCE_BYTES, 32):  # packed names would hide from the search above; 32: a hash, without a key
            with pytest.raises(zlib.error):
                zlib.decompress(content[head:])


def test_without_a_key_it_refuses_unless_told(world: World) -> None:
    world.more["mirror_key_file"] = None
    with pytest.raises(MissingSettingsError, match="--plain"):
        world.mirror()
    assert world.objects == {}
    world.mirror(plain=True)
    world.write("data/decisions/later.jsonl", b"later")
    world.mirror()  # it was told once
    assert world.restored("back") == CONTENTS | {"data/decisions/later.jsonl": b"later"}


def test_a_wrong_and_a_lost_key_are_said_before_anything_is_touched(world: World) -> None:
    world.mirror()
    before, key = world.objects, world.folder.parent / "key"
    for text, message in ((key_text(b"k" * 32), "another key"), ("rubbish", "holds no key")):
        key.write_text(text)
        for ask in (world.mirror, lambda: world.restore("back"), world.check):
            with pytest.raises(MissingSettingsError, match=message) as found:
                ask()
            assert text not in str(found.value)
    key.unlink()
    with pytest.raises(MissingSettingsError, match="can't be read"):
        world.mirror()
    world.more["mirror_key_file"] = None
    with pytest.raises(MissingSettingsError, match="Without it nobody can read"):
        world.restore("back")
    assert world.objects == before


def test_a_copy_without_its_head_is_gone_on_with_by_its_own_key_alone(world: World) -> None:
    """Another key would leave it in two halves, and none would put what follows for everybody to read."""
    world.mirror()
    Path(world.url, "copy.json").unlink()
    before, key = world.objects, world.folder.parent / "key"
    own = key.read_text()
    key.write_text(key_text(b"k" * 32))
    for world.more["mirror_key_file"] in (key, None):
        with pytest.raises(MissingSettingsError, match="Name its own key in MIRROR_KEY_FILE"):
            world.mirror(adopt=True)
    assert world.objects == before
    key.write_text(own)
    world.more.clear()
    world.mirror(adopt=True)
    assert world.restored("back") == CONTENTS


def test_a_large_file_is_cut_into_blocks_and_comes_back_whole(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirroring, "BLOCK", 1000)
    world.mirror()
    assert sum(name.startswith("own/blocks/") for name in world.objects) == 5
    assert world.restored("back") == CONTENTS
    assert world.check().compared == CONTENTS.keys() - {"data/bronze/addresses.jsonl"}


class DeathError(Exception):
    """In place of a kill: nothing of ours catches it."""


def test_a_killed_run_goes_on_and_uses_what_was_put(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirroring, "BLOCK", 1000)
    put, left = CopyStore.put_new, [4]

    def put_few(store: CopyStore, path: str, content: bytes) -> bool:
        left[0] -= 1
        if left[0] < 0:
            raise DeathError
        return put(store, path, content)

    monkeypatch.setattr(CopyStore, "put_new", put_few)
    with pytest.raises(DeathError):
        world.mirror()
    half = world.objects
    assert any("blocks" in name for name in half)
    assert world.restore("half").incomplete == ["own"]
    monkeypatch.setattr(CopyStore, "put_new", put)
    world.write("data/decisions/meanwhile.jsonl", b"new")
    done = world.mirror()
    assert half.items() <= world.objects.items()
    assert done.calls["put"] == len(world.objects) - len(half)
    assert world.restored("again") == CONTENTS | {"data/decisions/meanwhile.jsonl": b"new"}


@pytest.mark.parametrize("kept", [None, b"garbage", b""])
def test_a_store_that_lies_is_noticed_at_once(world: World, monkeypatch: pytest.MonkeyPatch, kept: Any) -> None:
    put = CopyStore.put_new

    def lie(store: CopyStore, path: str, content: bytes) -> bool:
        if "/" not in path:
            return put(store, path, content)
        if kept is not None:
            put(store, path, kept)
        return True

    monkeypatch.setattr(CopyStore, "put_new", lie)
    with pytest.raises(LyingStoreError, match="said that it took an object"):
        world.mirror()
    age = copy_age(world.lake, world.settings.providers_config)
    assert (age.at, age.lacking) == (None, len(CONTENTS))
    assert "said that it took" in age.problem
    monkeypatch.setattr(CopyStore, "put_new", put)
    world.mirror()
    assert world.restored("back") == CONTENTS


def test_of_a_large_file_only_blocks_that_changed_are_put(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirroring, "BLOCK", 1000)
    snapshot = b"".join(b"%07d" % number for number in range(1000))
    world.write("data/warehouse/strava.duckdb", snapshot)
    world.mirror()
    world.write("data/warehouse/strava.duckdb", snapshot[:4500] + b"changed" + snapshot[4507:])
    assert world.mirror().calls["put"] == 2  # of seven blocks one, and the manifest
    assert (
        world.restored("back")["data/warehouse/strava.duckdb"][4498:4509]
        == snapshot[4498:4500] + b"changed" + snapshot[4507:4509]
    )


def test_objects_that_vanish_or_shrink_are_put_again(world: World) -> None:
    world.mirror()
    blocks = [Path(world.url, name) for name in world.objects if "blocks" in name]
    blocks[0].unlink()
    blocks[1].write_bytes(b"")
    assert world.check().damaged == sorted(str(path.relative_to(world.url)) for path in blocks[:2])
    assert world.mirror().files > 0
    assert world.check().agrees
    assert world.restored("back") == CONTENTS


def test_a_damaged_manifest_is_repaired_and_meanwhile_the_one_before_counts(world: World) -> None:
    world.mirror()
    world.days, added = 1, "data/decisions/later.jsonl"
    world.write(added, b"later")
    world.mirror()
    Path(world.url, "own/manifests/00000002").write_bytes(b"rubbish")
    assert world.check().damaged == ["own/manifests/00000002"]
    restored = world.restore("back")
    assert (restored.unreadable, (world.folder.parent / "back" / added).exists()) == (1, False)
    world.mirror()
    assert world.check().agrees
    assert world.restored("again") == CONTENTS | {added: b"later"}


def test_an_emptied_folder_does_not_empty_the_copy(world: World) -> None:
    for number in range(6):
        world.write(f"data/bronze/files/cd/cd{number}", b"imported")
    world.mirror()
    before = world.objects
    for number in range(6):
        (world.folder / f"data/bronze/files/cd/cd{number}").unlink()
    world.write("data/bronze/activities/2/page-0001.json.gz", b"of another shelf")
    with pytest.raises(PipelineError, match="6 files of 12 that the copy has are gone here"):
        world.mirror()
    assert world.objects == before
    world.mirror(allow_shrink=True)
    world.lake.copied.rename(world.folder / "elsewhere")  # as on a new disk
    with pytest.raises(PipelineError, match="restore"):
        world.mirror()
    world.mirror(adopt=True)
    assert world.check().agrees


def test_a_copy_that_is_gone_is_said_and_not_begun_again(world: World) -> None:
    world.mirror()
    Path(world.url).rename(world.folder.parent / "unmounted")
    with pytest.raises(PipelineError, match="Is the disk"):
        world.mirror()
    world.mirror(adopt=True)
    assert world.restored("back") == CONTENTS


def test_an_earlier_copy_is_remembered_for_a_purge(world: World) -> None:
    first, world.url = world.url, str(world.folder.parent / "another")
    world.mirror()
    world.url = first
    assert world.mirror().files == len(CONTENTS)
    known = known_copy(world.lake)
    assert known is not None
    assert (known.where, known.earlier) == (first, (str(world.folder.parent / "another"),))


def test_what_is_none_of_a_copy_stays(world: World) -> None:
    Path(world.url).mkdir()
    Path(world.url, "photo.jpg").write_bytes(b"mine")
    with pytest.raises(PipelineError, match="holds other things"):
        world.mirror()
    assert world.objects == {"photo.jpg": b"mine"}


def test_a_place_on_a_disk_that_is_not_mounted_is_refused(world: World) -> None:
    world.url = str(world.folder.parent / "mnt" / "disk" / "copy")
    with pytest.raises(MissingSettingsError, match="Is the disk"):
        world.mirror()


def test_a_restore_goes_on_and_refuses_what_is_not_its_own(world: World) -> None:
    world.mirror()
    back = world.folder.parent / "back"
    block = next(Path(world.url, name) for name in world.objects if name.startswith("api/blocks/"))
    content = block.read_bytes()
    block.unlink()
    lost = world.restore("back").lost
    assert len(lost) == 4
    assert not any((back / name).exists() for name in lost)
    block.write_bytes(content)
    assert world.restore("back").lost == []
    with pytest.raises(MisuseError, match="not empty"):
        world.restore("back")


def test_of_expired_activities_the_copy_keeps_nothing(world: World) -> None:
    world.mirror()
    (world.folder / DETAIL).unlink()
    record_decisions(world.lake, Expired(at=datetime(2026, 3, 11, tzinfo=UTC), by="test", ids=[7]))
    world.days = 1
    done = world.mirror()
    left = {name for name in world.objects if name.startswith("api/")}
    assert (len(left), done.forgotten) == (2, 2)  # a block and a manifest, in place of the ones that were
    restored = world.restore("back", DAY)
    assert restored.newer.keys() == {"api"}
    back = world.folder.parent / "back"
    assert [(back / name).exists() for name in (DETAIL, DETAIL.replace("/7/", "/8/"), MATCHES)] == [False, True, True]


def test_a_damaged_manifest_hides_no_other_day(world: World) -> None:
    for world.days in range(5):
        world.write("data/decisions/days.jsonl", b"%d" % world.days)
        world.mirror()
    Path(world.url, "own/manifests/00000003").write_bytes(b"rubbish")
    for day, state in ((10, b"0"), (11, b"1"), (12, b"1")):
        assert world.restored(f"back{day}", date(2026, 3, day))["data/decisions/days.jsonl"] == state


def test_a_copy_that_was_moved_is_the_one_of_the_new_place(world: World) -> None:
    world.mirror()
    first, world.url = world.url, str(world.folder.parent / "moved")
    Path(first).rename(world.url)
    assert world.mirror().files == 0
    known = known_copy(world.lake)
    assert known is not None
    assert (known.where, known.earlier) == (world.url, (first,))
    Path(world.url).rename(first)
    with pytest.raises(PipelineError, match="Is the disk"):
        world.mirror()


def test_a_name_that_is_no_text_is_said(world: World) -> None:
    Path(os.fsdecode(bytes(world.folder / "views") + b"/caf\xe9.sql")).write_bytes(b"SELECT 2")
    with pytest.raises(PipelineError, match=r"views/caf.*Rename it"):
        world.mirror()
    assert world.objects.keys() == {"copy.json"}


def test_a_place_in_the_data_folder_is_refused(world: World) -> None:
    """It would be lost with it, and in bronze each run would copy the copy."""
    world.url = str(world.folder / "data" / "bronze" / "copy")
    with pytest.raises(MissingSettingsError, match="is in the data folder"):
        world.mirror()
    assert not Path(world.url).exists()


def test_a_file_that_can_t_be_read_is_what_the_status_says(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.mirror()
    world.write("goals.toml", b"[run]\n")

    def refuse(path: str) -> int:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(mirroring, "_stat", refuse)
    with pytest.raises(PermissionError):
        world.mirror()
    assert "goals.toml: Permission denied" in copy_age(world.lake, world.settings.providers_config).problem
