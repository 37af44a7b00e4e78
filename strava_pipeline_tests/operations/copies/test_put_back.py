"""Folders that don't go on from their copy's newest state: set back, cloned, or with other purges. No word is lost, and what was
purged stays away.
"""

import json
import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.ingest.restic import CopyIncompleteError
from strava_pipeline.lake import purged_activities
from strava_pipeline.lake.bronze.expired import Expired, purges
from strava_pipeline.lake.decisions import keep_decisions, record_decisions
from strava_pipeline.lake.purge import unfinished_purge
from strava_pipeline.operations import copying
from strava_pipeline.operations.copy_comparison import BRING_BACK
from strava_pipeline.operations.copy_proof import restore_decisions
from strava_pipeline.operations.copying import copy_after_run
from strava_pipeline_tests.e2e.mortals import Life, Step, choose, mortals
from strava_pipeline_tests.examples import examples
from strava_pipeline_tests.operations.copies.conftest import DETAIL, World
from strava_pipeline_tests.operations.copies.put_back import WORDS, Years, expire, held, purge, put_back, say, words_in

pytestmark = pytest.mark.slow


def test_a_purge_in_an_older_folder_that_was_put_back_loses_no_word(world: World, tmp_path: Path) -> None:
    world.copy()
    shutil.copytree(world.folder, tmp_path / "backup")
    purge(world, 1)
    line = say(world, "since", 3)
    world.write("data/bronze/files/cd/cd34", b"imported since")
    world.copy()
    purge(world, 2)
    before = {each.id for each in world.snapshots()}
    put_back(world, tmp_path / "backup")
    for act in (world.copy, lambda: purge(world, 4), lambda: expire(world, 5)):
        with pytest.raises(CopyIncompleteError, match=f"made elsewhere.*{BRING_BACK}") as said:
            act()
        assert (said.value.exit_code, {each.id for each in world.snapshots()}) == (4, before)
        assert not (world.lake.decisions / "expired.jsonl").exists(), "nothing was written"
    assert restore_decisions(world.lake, world.settings, world.now, None) == {"expired.jsonl": 2, "matches.jsonl": 1}
    assert line in (world.folder / WORDS).read_bytes()
    with pytest.raises(CopyIncompleteError, match=r"A purge of this data has not ended.*`strava-pipeline purge 2`"):
        world.copy()  # it would copy again what was purged
    assert "purge 2" in copy_after_run(world.run(), world.settings).findings[0].advice
    assert {each.id for each in world.snapshots()} == before
    purge(world, 4)
    assert not (world.folder / DETAIL.format(1)).exists()
    done = world.copy()
    assert done.lost == ["bronze/files/cd/cd34"], "a file that only snapshots have"
    assert before <= {each.id for each in world.snapshots()}
    world.write("data/bronze/files/cd/cd34", b"imported since")
    assert (world.copy().problem, [held(world, key) for key in (1, 2, 4)]) == ("", [False] * 3)


def test_as_many_purges_are_not_the_same_purges(world: World) -> None:
    world.copy()
    purge(world, 1)
    before = {each.id for each in world.snapshots()}
    for place in (world.lake.decisions, world.lake.kept_decisions):
        (place / "expired.jsonl").unlink()
    for act in (world.copy, lambda: purge(world, 2)):
        with pytest.raises(CopyIncompleteError, match=f"Lines of expired.jsonl in .* are gone.*{BRING_BACK}"):
            act()
    purge(world, 2, is_reached=False)  # the store could not be reached
    for act in (world.copy, lambda: purge(world, 3)):
        with pytest.raises(CopyIncompleteError, match=r"Lines of expired.jsonl in .* are gone"):
            act()
    assert {each.id for each in world.snapshots()} == before
    assert restore_decisions(world.lake, world.settings, world.now, None) == {"expired.jsonl": 1}
    assert [each.purged for each in purges(world.lake)] == [1, 2]
    purge(world, 2)
    assert [held(world, key) for key in (1, 2, 3)] == [False, False, True]
    assert world.kinds() == ["api", "own", "published"]


def test_what_a_person_gave_up_with_its_purges_is_taken_by_the_next_purge(world: World) -> None:
    world.copy()
    purge(world, 1)
    before = {each.id for each in world.snapshots() if each.kind == "own"}
    (world.lake.decisions / "expired.jsonl").unlink()
    purge(world, 2, is_reached=False)
    world.copy(adopt=True)
    assert before <= {each.id for each in world.snapshots()}
    assert (world.copy().kinds, held(world, 2)) == ([], True)
    purge(world, 3)
    assert ([held(world, key) for key in (2, 3)], world.kinds()) == ([False, False], ["api", "own", "published"])


def test_words_about_what_was_purged_come_back_by_nothing(world: World) -> None:
    about = say(world, "an older word", 1)
    other = say(world, "another", 2)
    world.copy()
    shutil.copytree(world.lake.decisions, older := world.folder.parent / "older")
    purge(world, 1, is_reached=False)  # the disk was away
    keep_decisions(world.lake)
    assert restore_decisions(world.lake, world.settings, world.now, None) == {}
    shutil.rmtree(world.lake.decisions)
    shutil.copytree(older, world.lake.decisions)
    change = json.dumps({"id": "c1", "shown": {"activity_id": 1}}).encode() + b"\n"
    world.write("data/decisions/changes.jsonl", change)
    assert about in (world.folder / WORDS).read_bytes()
    assert restore_decisions(world.lake, world.settings, world.now, None) == {"expired.jsonl": 1}
    kept = (path for place in (world.lake.decisions, world.lake.kept_decisions) for path in place.iterdir())
    there = b"".join(path.read_bytes() for path in kept)
    assert (about in there, change in there, other in there) == (False, False, True)
    purge(world, 1)
    assert not any(about in lines for lines in [words_in(world, {})])


def test_a_cloned_folder_and_the_first_one_do_not_both_go_on(world: World, tmp_path: Path) -> None:
    world.copy()
    purge(world, 1)
    shutil.copytree(world.folder, tmp_path / "clone")
    clone = World(tmp_path / "clone", world.repository, world.now, {"restic_password_file": tmp_path / "password"})
    say(world, "of the first", 2)
    world.copy()
    before = {each.id for each in world.snapshots()}
    for act in (clone.copy, lambda: purge(clone, 2), lambda: clone.delete(api=False)):
        with pytest.raises(CopyIncompleteError, match="was made elsewhere"):
            act()
    assert {each.id for each in world.snapshots()} == before
    assert world.copy().problem == ""
    clone.copy(adopt=True)
    with pytest.raises(CopyIncompleteError, match="was made elsewhere"):
        world.copy()


@pytest.mark.parametrize("died", ["before restic", "after restic", "twice"])
def test_a_copy_that_died_makes_no_other_folder(world: World, monkeypatch: pytest.MonkeyPatch, died: str) -> None:
    world.copy()
    for number in range(2 if died == "twice" else 1):
        say(world, f"a word {number}", 1)
        with monkeypatch.context() as patch:
            patch.setattr(copying._Copying if died == "before restic" else copying, *_death(died))
            with pytest.raises(KeyboardInterrupt):
                world.copy()
    assert world.copy().problem == ""
    assert world.restored("back")[WORDS] == (world.folder / WORDS).read_bytes()


def _death(died: str) -> tuple[str, Callable[..., None]]:
    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    return ("_backup" if died == "before restic" else "note_files", die)


def test_a_clock_that_was_ahead_makes_no_other_folder(world: World) -> None:
    world.copy()
    world.now += timedelta(days=400)
    for word in ("ahead", "ahead once more"):
        say(world, word, 1)
        world.copy()
    world.now -= timedelta(days=399)
    say(world, "right again", 1)
    assert world.copy().problem == ""
    purge(world, 1)
    assert not held(world, 1)


def of_older_version(world: World) -> None:
    """As if 0.3 had made all snapshots and what was noted: numbers of lines, and an id of the folder."""
    lines = len(purges(world.lake))
    for each in world.snapshots():
        other = [word for word in each.tags if word.startswith(("expired:", "made:"))]
        words = [word for tag in other for word in ("--remove", tag)]
        world.type_restic("tag", *words, "--add", f"expired:{lines}", "--add", "made:folder", each.id)
    note = world.lake.copied / "last.json"
    known = json.loads(note.read_text())
    left = {name: known[name] for name in known if name not in ("left", "marks", "states")}
    ids = {str(each.kind): each.id for each in world.snapshots()}
    note.write_text(json.dumps({**left, "lines": lines, "instance": "folder", "snapshots": ids}))


def test_an_upgrade_takes_no_snapshot_and_a_purge_after_it_all(world: World) -> None:
    world.copy()
    purge(world, 1)
    world.now += timedelta(days=1)
    say(world, "of the next day", 2)
    world.copy()
    of_older_version(world)
    before = {each.id for each in world.snapshots()}
    assert (world.copy().kinds, {each.id for each in world.snapshots()}) == ([], before)
    say(world, "by the new version", 2)
    world.copy()
    assert before <= {each.id for each in world.snapshots()}
    purge(world, 2)
    assert (held(world, 2), world.kinds()) == (False, ["api", "own", "published"])


def test_what_an_older_version_purged_and_did_not_follow_is_taken_after_the_upgrade(world: World) -> None:
    world.copy()
    of_older_version(world)
    purge(world, 1, is_reached=False)
    assert (world.copy().forgotten > 0, held(world, 1)) == (True, False)


@pytest.mark.dear
@pytest.mark.parametrize("seed", range(examples(2)))
def test_folders_of_any_age_are_put_back_and_every_word_is_somewhere(world: World, seed: int) -> None:
    years = Years(world, random.Random(seed))
    world.copy()
    years.back_up()
    while years.put_back < 3:
        years.live()


def restored(world: World) -> dict[str, int]:
    return restore_decisions(world.lake, world.settings, world.now, None)


def test_a_clock_that_is_behind_hides_no_snapshot(world: World, tmp_path: Path) -> None:
    world.copy()
    shutil.copytree(world.folder, tmp_path / "backup")
    world.now += timedelta(days=1)
    line = say(world, "since", 3)
    world.copy()
    put_back(world, tmp_path / "backup")
    world.now -= timedelta(days=3000)
    for act in (world.copy, lambda: purge(world, 4)):
        with pytest.raises(CopyIncompleteError, match="was made elsewhere"):
            act()
    assert restored(world) == {"matches.jsonl": 1}
    purge(world, 4)
    assert line in (world.folder / WORDS).read_bytes()


def test_an_older_state_that_is_restored_into_the_same_place_goes_on_after_what_was_said_since(world: World) -> None:
    world.copy()
    day = world.now.date()
    world.now += timedelta(days=1)
    line = say(world, "since", 3)
    world.copy()
    world.restore("older", day)
    shutil.rmtree(world.lake.data_dir)
    shutil.copytree(world.folder.parent / "older" / "data", world.lake.data_dir)
    say(world, "a longer word than the one that is not here", 5)
    for act in (lambda: purge(world, 4), world.copy):
        with pytest.raises(CopyIncompleteError, match="was made elsewhere"):
            act()
    assert restored(world) == {"matches.jsonl": 1}
    purge(world, 4)
    assert line in (world.folder / WORDS).read_bytes()


def test_two_places_of_a_copy_take_turns(world: World, tmp_path: Path, new_repository: Path) -> None:
    places = [world.repository, str(shutil.copytree(new_repository, tmp_path / "other"))]
    for number in range(4):
        world.repository = places[number % 2]
        say(world, f"word {number}", 3)
        assert world.copy().problem == ""
    purge(world, 1)
    world.repository = places[0]
    assert (world.copy().forgotten > 0, held(world, 1)) == (True, False)


def test_lines_that_are_only_appended_and_files_of_trips_are_missed_whatever_comes_later(
    world: World, tmp_path: Path
) -> None:
    names = ("bronze/addresses.jsonl", "bronze/changes/proposed.jsonl")
    for name in names:
        world.write(f"data/{name}", b'{"id": "a"}\n')
    world.copy()
    shutil.copytree(world.folder, tmp_path / "backup")
    for name in names:
        world.write(f"data/{name}", b'{"id": "a"}\n{"id": "b"}\n')
    world.write("data/trips/trip_index/2026-02.parquet", b"a trip that its source deleted")
    purge(world, 1)
    put_back(world, tmp_path / "backup")
    assert restored(world) == {"expired.jsonl": 1, "addresses.jsonl": 1, "proposed.jsonl": 1}
    world.write("data/trips/trip_index/2026-03.parquet", b"a newer one")
    purge(world, 1)
    assert [(world.lake.data_dir / name).read_bytes().count(b"\n") for name in names] == [2, 2]
    assert [world.copy().lost for _ in range(2)] == [["trips/trip_index/2026-02.parquet"]] * 2
    assert "2026-02" in "".join(world.type_restic("ls", each.id) for each in world.snapshots())


def test_a_purge_that_came_back_ends_though_folders_are_missing(world: World, tmp_path: Path) -> None:
    world.copy()
    shutil.copytree(world.folder, tmp_path / "backup")
    world.write("data/bronze/imports/a/manifest.json", b"{}")
    purge(world, 1)
    put_back(world, tmp_path / "backup")
    restored(world)
    with pytest.raises(CopyIncompleteError, match=r"bronze/imports in .* was copied before and is gone"):
        purge(world, 1)
    assert unfinished_purge(world.lake) is None
    assert (world.copy(adopt=True).problem, held(world, 1)) == ("", False)


def test_what_was_purged_while_the_store_was_away_is_taken_by_the_next_copy(world: World) -> None:
    world.copy()
    place = Path(world.repository)
    place.rename(place.with_name("away"))
    with pytest.raises(PipelineError, match="The second copy is gone"):
        purge(world, 1)
    place.with_name("away").rename(place)
    assert (world.copy().forgotten, held(world, 1)) == (3, False)


def test_a_restore_that_died_is_not_copied_before_the_purge_that_came_back_ended(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.copy()
    shutil.copytree(world.folder, tmp_path / "backup")
    purge(world, 1)
    put_back(world, tmp_path / "backup")
    with monkeypatch.context() as patch:
        patch.setattr(purged_activities, "_remove_words", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            restored(world)
    restored(world)
    with pytest.raises(CopyIncompleteError, match=r"A purge of this data has not ended.*`strava-pipeline purge 1`"):
        world.copy()


def test_lists_of_purges_that_went_apart_are_united_in_any_order(world: World, tmp_path: Path) -> None:
    world.copy()
    for name in ("backup", "other"):
        shutil.copytree(world.folder, tmp_path / name)
    purge(world, 1)
    put_back(world, tmp_path / "other")
    expire_offline = Expired(at=world.now, by="STRAVA_API_KEEP_DAYS", ids=[2])
    record_decisions(world.lake, expire_offline)
    world.copy(adopt=True)
    put_back(world, tmp_path / "backup")
    restored(world)
    purge(world, 3)
    assert (world.copy().problem, [held(world, key) for key in (1, 3)]) == ("", [False, False])


DEATHS = 150


def end_orphans(world: World) -> None:
    """What restic a killed life has left: it dies, too, where its number is noted, as is all but always; else it ends."""
    place = f"RESTIC_REPOSITORY={world.repository}".encode()
    for each in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (each / "exe").readlink().name == "restic" and place in (each / "environ").read_bytes():
                note = world.lake.copied / "restic" / each.name
                if note.exists() and note.read_text():
                    os.kill(int(each.name), signal.SIGKILL)
                while (each / "exe").exists():
                    time.sleep(0.01)


@pytest.mark.soak(part="damage")
def test_no_word_is_lost_and_nothing_purged_comes_back_by_a_kill(world: World, tmp_path: Path) -> None:
    years, met, died = Years(world, random.Random(1)), Counter[str](), 0
    world.copy()
    years.back_up()
    with mortals(world.settings, tmp_path, "strava_pipeline_tests.operations.copies.mortal_part") as living:

        def life(what: str, key: int, dying: Step | None = None) -> Life:
            world.now += timedelta(minutes=5)
            done = living.run(what, str(world.folder), world.repository, world.now.isoformat(), str(key), dying=dying)
            assert done.code in (0, -9) or "CopyIncompleteError" in done.said, (dying, done.said)
            end_orphans(world)
            if what == "purge" and purges(world.lake):
                years.purged |= {each.purged for each in purges(world.lake) if each.purged}
            return done

        whole = {what: life(what, 12) for what in ("copy", "purge", "expire", "restore")}
        while died < DEATHS:
            years.say()
            if years.chance.random() < 0.2:
                life("copy", 0)
                years.back_up()
                years.say()
            if years.chance.random() < 0.2 and life("copy", 0).code == 0:
                put_back(world, years.chance.choice(years.backups)[0])
            what, key = years.chance.choice([*whole]), years.chance.randint(1, 11)
            (step,) = choose(whole[what], years.chance, 1, met, dagster=False)
            died += life(what, key, step).code == -9
            years.look()
            for _ in range(2):  # what a person does who reads the sentences
                if life(what, key).code != 0:
                    life("restore", 0)
                if unfinished_purge(world.lake):
                    life("purge", purges(world.lake)[-1].purged or 0)
            last = life("copy", 0)
            assert last.code == 0, (what, step, last.said[-500:])
            years.look()
            assert not unfinished_purge(world.lake)
            assert not [each.purged for each in purges(world.lake) if held(world, each.purged or 0)]
