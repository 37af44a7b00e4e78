"""Making the second copy: what is in it, when it is not made, and that nothing of anybody else's is touched."""

import hashlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from strava_pipeline.core.errors import MissingSettingsError, PipelineError
from strava_pipeline.environment.private_files import NotPrivateError
from strava_pipeline.ingest import restic
from strava_pipeline.ingest.restic import (
    BusyRepositoryError,
    CopyIncompleteError,
    NoRepositoryError,
    Restic,
    ResticFailedError,
)
from strava_pipeline.lake.bronze.expired import Expired
from strava_pipeline.lake.copied import copy_age, copy_health, earlier_places
from strava_pipeline.lake.decisions import record_decisions
from strava_pipeline.operations.copy_comparison import ADOPT
from strava_pipeline.operations.copy_proof import check_copy, restore_decisions
from strava_pipeline.operations.copying import COPIED as COPIED_CHECK
from strava_pipeline.operations.copying import copy_after_run
from strava_pipeline.verbs.copy import _advice
from strava_pipeline_tests.operations.copies.conftest import COPIED, DETAIL, World, contents, new_world
from strava_pipeline_tests.patience import PATIENCE
from strava_pipeline_tests.restic import PASSWORD
from strava_pipeline_tests.small_disk import SIZE, SmallDisk

pytestmark = pytest.mark.slow


@pytest.mark.dear
def test_a_copy_has_what_cannot_be_made_again_and_is_made_again_where_something_changed(world: World) -> None:
    assert world.copy().kinds == ["own", "api", "published"]
    assert world.restored("back") == COPIED
    assert b"the password" not in b"".join(contents(world.lake.state).values())
    assert world.copy().kinds == []
    world.write(DETAIL.format(13), b"a detail of 13")
    assert copy_age(world.lake, world.repository).lacking == 1
    done = world.copy()
    assert (done.kinds, done.files_copied, done.forgotten) == (["api"], 1, 0)
    world.write("data/warehouse/strava.duckdb", b"more tables")
    (world.folder / "views" / "mine.sql").unlink()
    done = world.copy()
    assert (done.kinds, done.forgotten) == (["own", "published"], 2), (
        "of a kind the first of the day, or all but the newest"
    )
    (world.lake.widgets).mkdir()
    Path(os.fsdecode(os.fsencode(world.lake.widgets) + b"/caf\xe9.sql")).write_bytes(b"SELECT 2")
    assert [world.copy().kinds, world.copy().kinds] == [["own"], []], "a name that is not UTF-8"
    (world.lake.copied / "last.json").unlink()
    with pytest.raises(CopyIncompleteError, match="was made elsewhere"):  # as far as is known here
        world.copy()
    assert restore_decisions(world.lake, world.settings, world.now, None) == {}
    assert world.copy().problem == ""
    back = world.restored("later")
    assert "views/mine.sql" not in back
    assert back["data/warehouse/strava.duckdb"] == b"more tables"
    assert back[DETAIL.format(13)] == b"a detail of 13"
    assert copy_age(world.lake, world.repository).lacking == 0


def test_folders_that_are_links_are_copied_as_what_they_lead_to(world: World, tmp_path: Path) -> None:
    disk, data = tmp_path / "disk", world.lake.data_dir
    for name in ("bronze/activity_details/year=2025", "bronze/files", "decisions"):
        target = disk / name.replace("/", "_")
        disk.mkdir(exist_ok=True)
        shutil.move(data / name, target)
        (data / name).symlink_to(target)
    shutil.move(data / "bronze", disk / "bronze")
    (data / "bronze").symlink_to(disk / "bronze")
    world.copy()
    assert world.restored("back") == COPIED
    assert not [path for path in (tmp_path / "back").rglob("*") if path.is_symlink()]
    assert world.copy().kinds == []
    (data / "bronze" / "pings").symlink_to(tmp_path / "unmounted")
    with pytest.raises(PipelineError, match="pings is a link, and does not lead to a folder with files"):
        world.copy()


def test_nothing_is_copied_where_a_root_is_gone_until_a_person_says_that_it_is_right(world: World) -> None:
    world.copy()
    shutil.rmtree(world.lake.files)
    with pytest.raises(CopyIncompleteError, match=r"bronze/files in .*/data was copied before and is gone") as said:
        world.copy()
    assert said.value.exit_code == 4
    assert world.kinds() == ["api", "own", "published"]
    assert "is gone" in copy_age(world.lake, world.repository).problem
    world.lake.purged.mkdir()  # a purge was killed, which had moved it aside
    with pytest.raises(CopyIncompleteError, match=r"A purge of this data has not ended.*`strava-pipeline purge`"):
        world.copy()
    world.lake.purged.rmdir()
    assert world.copy(adopt=True).problem == ""
    assert world.copy().kinds == []


def test_every_snapshot_stays_where_a_file_is_gone_that_nobody_gave_up(world: World) -> None:
    world.copy()
    shutil.rmtree((world.folder / DETAIL.format(1)).parent)
    for _ in range(2):  # it is said until a person has looked
        world.write("data/warehouse/strava.duckdb", os.urandom(10))
        done = world.copy()
        assert (done.lost, done.forgotten, done.kinds[-1]) == ([DETAIL.format(1).removeprefix("data/")], 0, "published")
        assert "1 file that the second copy had are gone or cut off here" in done.problem
        assert copy_age(world.lake, world.repository).lost == 1
    assert world.kinds().count("published") == 3
    world.write(DETAIL.format(1), COPIED[DETAIL.format(1)])
    done = world.copy()
    assert (done.lost, done.forgotten > 0) == ([], True)


def test_what_expired_is_no_loss_and_stays_nowhere_in_the_repository(world: World) -> None:
    world.copy()
    record_decisions(world.lake, Expired(at=world.now, by="STRAVA_API_KEEP_DAYS", ids=[*range(1, 8)]))
    for key in range(1, 8):
        shutil.rmtree((world.folder / DETAIL.format(key)).parent)
    done = world.copy()
    assert (done.lost, done.problem, world.kinds().count("api")) == ([], "", 1)
    blobs = world.type_restic("list", "blobs")
    held = {key: hashlib.sha256(COPIED[DETAIL.format(key)]).hexdigest() in blobs for key in range(1, 13)}
    assert held == {key: key > 7 for key in range(1, 13)}, "a blob's name is the hash of what is in it"


def test_what_has_to_go_and_can_not_yet_is_copied_anew_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object) -> None:
        raise BusyRepositoryError("Another restic works on it.")

    world.copy()
    record_decisions(world.lake, Expired(at=world.now, by="a test", ids=[1], purged=1))
    with monkeypatch.context() as patch:
        patch.setattr(Restic, "forget", busy)
        assert [world.copy().kinds, world.copy().kinds] == [["own", "api", "published"], []]
    assert world.copy().forgotten == 3


def test_a_purge_leaves_nothing_of_the_api_in_any_snapshot_and_the_rest(world: World) -> None:
    world.copy()
    world.decide("another")
    world.copy()
    world.delete(api=True)
    assert world.kinds() == ["own", "own"]
    blobs = world.type_restic("list", "blobs")
    names = {hashlib.sha256(content).hexdigest(): name for name, content in COPIED.items() if content}
    held = {name for digest, name in names.items() if digest in blobs}
    assert held == {name for name in names.values() if not name.startswith(("data/bronze/activit", "data/warehouse"))}
    world.delete(api=False)
    assert world.kinds() == []
    assert len(list((Path(world.repository) / "data").rglob("*"))) == 256, "only the folders of packs"


def test_a_copy_of_another_folder_is_not_gone_on_with(world: World, tmp_path: Path) -> None:
    other = World(
        tmp_path / "other" / "athlete", world.repository, more={"restic_password_file": tmp_path / "password"}
    )
    for name, content in COPIED.items():
        other.write(name, content)
    other.copy()
    with pytest.raises(PipelineError, match="knows nothing of this folder, and has 3 snapshots of others"):
        world.copy()
    world.copy(adopt=True)
    assert world.copy().kinds == []
    with pytest.raises(PipelineError, match=r"has the copies of athlete .*, athlete "):
        world.restore("back")
    world.write("data/bronze/files/cd/cd34", b"of the first alone")
    world.copy()
    folder = next(each.folder for each in world.snapshots() if "other" in each.paths[0])
    world.restore("back", folder=folder)
    assert "data/bronze/files/cd/cd34" not in contents(tmp_path / "back")
    world.delete(api=False)
    assert world.kinds() == ["api", "own", "published"], "the other athlete's"


def test_a_restored_folder_and_the_first_one_do_not_both_go_on(world: World, tmp_path: Path) -> None:
    world.copy()
    world.restore("second")
    second = World(tmp_path / "second", world.repository, world.now)
    second.write("data/bronze/files/cd/cd34", b"of the second")
    with pytest.raises(PipelineError, match=r"A snapshot of this folder in .* was made elsewhere"):
        second.copy()
    second.copy(adopt=True)
    assert second.copy().kinds == []
    world.now = second.now
    with pytest.raises(PipelineError, match="was made elsewhere"):
        world.copy()


@pytest.mark.dear
def test_a_copy_that_is_gone_or_empty_is_not_begun_again_by_itself(world: World) -> None:
    world.copy()
    kept = Path(world.repository).rename(world.folder.parent / "kept")
    with pytest.raises(PipelineError, match=r"The second copy is gone. There is no repository of restic in"):
        world.copy()
    assert not Path(world.repository).exists()
    shutil.rmtree(world.lake.decisions)  # the folder has lost its id, and what it noted
    shutil.rmtree(world.lake.copied)
    world.write("data/decisions/matches.jsonl", b"new")
    kept.rename(world.repository)
    with pytest.raises(PipelineError, match="knows nothing of this folder"):
        world.copy()
    shutil.rmtree(world.repository)
    assert world.copy(adopt=True).kinds == ["own", "api", "published"]
    world.more = {"restic_repository": str(world.folder.parent / "unmounted" / "copy")}
    with pytest.raises(MissingSettingsError, match=r"unmounted is not there. Is its disk mounted?"):
        world.copy()
    world.more = {"restic_repository": str(world.lake.data_dir / "copy")}
    with pytest.raises(MissingSettingsError, match="is in the data folder"):
        world.copy()


def test_a_clock_that_was_ahead_hides_no_later_snapshot(world: World) -> None:
    world.copy()
    world.now += timedelta(days=400)
    world.decide("ahead")
    world.copy()
    world.now -= timedelta(days=400)
    decided = world.decide("later")
    assert world.copy().kinds == ["own"]
    back = world.restored("back")
    assert (back["data/decisions/matches.jsonl"], len(back)) == (decided, len(COPIED))
    assert world.kinds().count("own") == 3


def test_rubbish_and_links_in_the_repository_disturb_nothing_and_lead_nowhere(world: World, tmp_path: Path) -> None:
    world.copy()
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "one.jpg").write_bytes(b"a photo")
    repository = Path(world.repository)
    (repository / "data" / "zz").symlink_to(photos)
    for name in ("snapshots/99999999", "index/rubbish", "locks/rubbish", "rubbish"):
        (repository / name).write_bytes(b"rubbish")
    world.write(DETAIL.format(13), b"a detail of 13")
    assert world.copy().kinds == ["api"]
    world.delete(api=True)
    world.delete(api=False)
    assert (photos / "one.jpg").read_bytes() == b"a photo"


def test_a_lock_of_a_living_restic_is_waited_for_by_nobody_and_an_old_one_of_a_dead_one_is_removed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.copy()
    world.write(DETAIL.format(13), b"a detail of 13")
    with _stopped_in_its_lock(world) as process:
        with pytest.raises(BusyRepositoryError, match="Another restic works on"):
            world.copy()
        process.kill()
        process.wait()
        with pytest.raises(
            BusyRepositoryError, match=r"its lock is removed from \d\d:\d\d UTC on"
        ):  # it may be another machine's
            world.copy()
        monkeypatch.setattr(restic, "STALE", timedelta(0))
        assert world.copy().kinds == ["api"]


@pytest.mark.parametrize("boot", ["", "another start of the machine"])
def test_the_lock_of_a_killed_restic_of_this_folder_is_removed_at_once(world: World, boot: str) -> None:
    world.copy()
    world.write(DETAIL.format(13), b"a detail of 13")
    with _stopped_in_its_lock(world) as process:
        note = world.lake.copied / "restic" / str(process.pid)  # as it is there where its parent was killed, too
        note.parent.mkdir(exist_ok=True)
        note.write_text(boot or restic._boot())
        with pytest.raises(BusyRepositoryError):  # it lives
            world.copy()
        process.kill()
        process.wait()
        if boot:
            with pytest.raises(BusyRepositoryError):
                world.copy()
        else:
            assert world.copy().kinds == ["api"]
            assert not [*note.parent.iterdir()]


@contextmanager
def _stopped_in_its_lock(world: World) -> Iterator[subprocess.Popen[bytes]]:
    """A restic that holds the repository alone, and does nothing."""
    locks = Path(world.repository) / "locks"
    environment = dict(world.restic.environment)
    process = subprocess.Popen(
        ["restic", "check", "--read-data"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        end = time.monotonic() + PATIENCE
        while not any(len(path.name) == 64 for path in locks.iterdir()):  # not its unfinished file
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.001)
        process.send_signal(signal.SIGSTOP)
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_password_that_is_wrong_missing_or_open_to_others_ends_in_a_sentence(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.copy()
    password = world.folder.parent / "password"
    password.chmod(0o644)
    with pytest.raises(NotPrivateError, match="can be read by other users"):
        world.copy()
    password.chmod(0o600)
    password.write_text("another")
    world.write(DETAIL.format(13), b"a detail of 13")
    with pytest.raises(PipelineError, match="The password is not that of the copy in") as said:
        world.copy()
    assert "another" not in str(said.value)
    (finding,) = copy_health(world.lake, world.now, world.repository)
    assert "The password is not that" in finding.text
    password.unlink()
    with pytest.raises(MissingSettingsError, match=r"RESTIC_PASSWORD_FILE: .*: No such file"):
        world.copy()
    world.more = {"restic_password_file": None, "restic_password_command": "sh -c 'exit 3' secret"}
    with pytest.raises(PipelineError, match="gives no password") as said:
        world.copy()
    assert "secret" not in str(said.value)
    world.more = {"restic_password_file": None, "restic_password_command": f"echo '{PASSWORD}'"}
    assert world.copy().kinds == ["api"]
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MissingSettingsError, match="apt install restic"):
        world.copy()


def test_a_full_disk_ends_in_a_sentence_and_the_next_copy_is_whole(
    world: World, tmp_path: Path, on_disk: Callable[[Path], SmallDisk]
) -> None:
    disk = on_disk(tmp_path / "disk")
    world.more = {"restic_repository": str(disk.seen / "copy")}
    shutil.copytree(world.repository, disk.seen / "copy")
    world.write("data/bronze/files/ef/large", os.urandom(SIZE))
    with pytest.raises(PipelineError, match="There is no space left where the copy is"):
        world.copy()
    (world.lake.files / "ef" / "large").unlink()
    assert world.copy().problem == ""
    assert world.restored("back") == COPIED


def test_files_that_could_not_be_read_are_tried_once_more_and_what_changes_meanwhile_is_copied_next(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """restic itself, before and after which something happens to the folder and to the exit code."""
    programs, faults = tmp_path / "programs", tmp_path / "faults"
    programs.mkdir()
    program = programs / "restic"
    program.write_text(
        f'#!/bin/sh\n{shutil.which("restic")} "$@" || exit\n[ "$2" = backup ] || exit 0\n'
        f"echo more >>{world.lake.decisions}/matches.jsonl\n"
        f'[ "$(wc -l <{faults})" = 0 ] || {{ sed -i 1d {faults}; echo \'{{"error":{{"message":"no disk"}}}}\' >&2; exit 3; }}\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    faults.write_text("once\n")
    assert world.copy().kinds == ["own", "api", "published"]
    faults.write_text("own\nagain\n")
    with pytest.raises(CopyIncompleteError, match="lacks files that could not be read: no disk") as said:
        world.copy()
    assert said.value.exit_code == 4
    assert world.kinds() == ["api", "own", "published"], "what restic calls incomplete is not the newest state"
    assert world.copy().kinds == ["own"]
    program.unlink()
    assert world.copy().kinds == ["own"]
    assert (
        world.restored("back")["data/decisions/matches.jsonl"] == (world.lake.decisions / "matches.jsonl").read_bytes()
    )


@pytest.mark.parametrize(
    ("code", "text", "kind", "said"),
    [
        (
            1,
            "Fatal: unable to open config file: x\nIs there a repository at the following location?\n/c",
            NoRepositoryError,
            "config file: x.",
        ),
        (
            10,
            '{"message_type":"exit_error","code":10,"message":"Fatal: repository does not exist: x"}',
            NoRepositoryError,
            "exist: x.",
        ),
        (
            11,
            '{"message_type":"exit_error","code":11,"message":"unable to create lock"}',
            BusyRepositoryError,
            "Another restic",
        ),
        (
            1,
            "unable to create lock in backend: repository is already locked by PID 7 on nas",
            BusyRepositoryError,
            "Another restic",
        ),
        (
            12,
            '{"message_type":"exit_error","code":12,"message":"Fatal: wrong password or no key found"}',
            PipelineError,
            "password",
        ),
        (
            3,
            '{"message_type":"error","error":{"message":"open /a: input/output error"},"item":"/a"}',
            CopyIncompleteError,
            "open /a",
        ),
        (
            1,
            "Fatal: Save(<data/1f>): write /c/data: no space left on device",
            PipelineError,
            "no space left where the copy is",
        ),
        (
            1,
            "\nFatal: rest:https://anna:secret@nas/ is odd\nAWS_KEY=1",
            ResticFailedError,
            "rest:https://anna:***@nas/ is odd.",
        ),
        (2, "", ResticFailedError, "ended with code 2."),
        (1, "{}", ResticFailedError, "ended with code 1."),
    ],
)
def test_what_restic_says_in_older_and_newer_versions_ends_in_a_sentence(
    code: int, text: str, kind: type[PipelineError], said: str
) -> None:
    found = Restic("rest:https://anna:***@nas/", "rest:https://anna:secret@nas/", {})._error(code, text)
    assert (type(found), said in str(found), "secret" in str(found), "AWS" in str(found)) == (kind, True, False, False)


def test_without_its_id_a_folder_is_known_by_what_it_noted_and_a_lost_one_is_made_up_for_nobody(world: World) -> None:
    world.copy()
    (world.lake.decisions / "folder_id").unlink()
    world.write(DETAIL.format(13), b"a detail of 13")
    assert world.copy().kinds == ["own", "api"]
    shutil.rmtree(world.lake.copied)
    (world.lake.decisions / "folder_id").unlink()
    with pytest.raises(PipelineError, match="knows nothing of this folder"):
        world.copy()
    assert not (world.lake.decisions / "folder_id").exists(), "so that no purge takes it for the one of the copy"


def test_a_folder_that_was_restored_to_look_at_it_deletes_no_copy(world: World, tmp_path: Path) -> None:
    world.copy()
    world.restore("look")
    look = World(tmp_path / "look", world.repository, world.now)
    with pytest.raises(PipelineError, match=r"was made elsewhere, on .* Delete it there"):
        look.delete(api=False)
    shutil.copytree(world.lake.copied, look.lake.copied)  # as if it had the same place on a machine of the same name
    look.write(DETAIL.format(13), b"a detail of 13")
    assert world.kinds() == ["api", "own", "published"]


def test_a_clock_that_was_behind_costs_no_state(world: World) -> None:
    world.copy()
    world.now -= timedelta(minutes=30)
    world.write("data/bronze/files/cd/cd34", b"imported meanwhile")
    world.copy()
    world.now += timedelta(hours=1)
    world.write("data/warehouse/strava.duckdb", b"more tables")
    world.copy()
    assert world.restored("back")["data/bronze/files/cd/cd34"] == b"imported meanwhile"
    assert world.copy().kinds == []


def test_losses_are_seen_whatever_of_the_notes_is_left(world: World) -> None:
    world.more = {"api_keep_days": 300}
    world.copy()
    (world.lake.copied / "api.json").unlink()
    for key in range(1, 13):
        (world.folder / DETAIL.format(key)).unlink()
    done = world.copy()
    assert (len(done.lost), world.kinds().count("api")) == (12, 2)
    for path in (world.lake.listings / "1").iterdir():
        path.unlink()
    assert len(world.copy().lost) == 14, "all are gone"
    shutil.rmtree(world.lake.copied)
    shutil.move(world.folder, world.folder.with_name("moved"))
    world.folder = world.folder.with_name("moved")
    with pytest.raises(PipelineError, match="was made elsewhere"):
        world.copy()


def test_what_left_for_good_waits_in_the_copy_until_a_loss_was_looked_at(world: World) -> None:
    for number in range(10):
        world.write(f"data/bronze/files/no/{number}", b"%d" % number)
    world.copy()
    record_decisions(world.lake, Expired(at=world.now, by="STRAVA_API_KEEP_DAYS", ids=[1]))
    shutil.rmtree((world.folder / DETAIL.format(1)).parent)
    shutil.rmtree(world.lake.files / "no")
    done = world.copy()
    assert (len(done.lost), world.kinds().count("api"), done.forgotten) == (10, 2, 0)
    assert (world.copy(adopt=True).lost, world.kinds().count("api")) == ([], 1)
    assert hashlib.sha256(COPIED[DETAIL.format(1)]).hexdigest() not in world.type_restic("list", "blobs")


def purge(world: World, key: int) -> None:
    """What a purge of an activity records and removes, in small."""
    record_decisions(world.lake, Expired(at=world.now, by=f"strava-pipeline purge {key}", ids=[key], purged=key))
    shutil.rmtree((world.folder / DETAIL.format(key)).parent, ignore_errors=True)


ROOTS = "bronze/activit", "bronze/files/ab", "bronze/addresses", "bronze/changes", "decisions/", "warehouse/"
LINE = "data/decisions/matches.jsonl"
LOSSES: dict[str, tuple[Callable[[World], object], str]] = {
    "decisions": (lambda world: shutil.rmtree(world.lake.decisions), "Lines of"),
    "decisions, and what was noted": (
        lambda world: [shutil.rmtree(folder) for folder in (world.lake.decisions, world.lake.kept_decisions)],
        "Lines of expired.jsonl",
    ),
    "decisions, but for a new word": (
        lambda world: [shutil.rmtree(world.lake.decisions), world.decide("new")],
        "Lines of",
    ),
    "a line in the middle": (lambda world: cut(world, LINE, 1), "Lines of matches.jsonl"),
    "the last line": (lambda world: cut(world, LINE, -1), "Lines of matches.jsonl"),
    "an emptied file": (lambda world: world.write(LINE, b""), "Lines of matches.jsonl"),
    "a file of decisions": (lambda world: (world.folder / LINE).unlink(), "Lines of matches.jsonl"),
    "the last purge": (lambda world: cut(world, "data/decisions/expired.jsonl", -1), "Lines of expired.jsonl"),
    "the last purge, and what was noted": (
        lambda world: [cut(world, "data/decisions/expired.jsonl", -1), shutil.rmtree(world.lake.state)],
        "was made elsewhere",
    ),
    "the list of purges": (lambda world: (world.lake.decisions / "expired.jsonl").unlink(), "Lines of expired.jsonl"),
    "bronze": (lambda world: shutil.rmtree(world.lake.bronze), "was copied before and is gone"),
    "imported files": (lambda world: shutil.rmtree(world.lake.files), "bronze/files in"),
    "the warehouse": (lambda world: world.lake.snapshot.unlink(), "warehouse/strava.duckdb in"),
    "a detail": (lambda world: (world.folder / DETAIL.format(3)).unlink(), ""),
    "an imported file": (lambda world: (world.lake.files / "ab" / "ab12").unlink(), ""),
    "addresses cut off": (lambda world: world.write("data/bronze/addresses.jsonl", b"1\n"), ""),
    "an address changed": (lambda world: world.write("data/bronze/addresses.jsonl", b"1\n3\n4\n"), ""),
    "addresses": (lambda world: world.lake.addresses.unlink(), "addresses.jsonl in"),
    "proposed changes": (lambda world: cut(world, "data/bronze/changes/proposed.jsonl", 0), ""),
}


def cut(world: World, name: str, line: int) -> None:
    lines = (world.folder / name).read_bytes().splitlines(keepends=True)
    del lines[line]
    world.write(name, b"".join(lines))


@pytest.fixture(scope="module")
def once_purged(tmp_path_factory: pytest.TempPathFactory, new_repository: Path) -> World:
    """A world that was purged once, with older snapshots that only time may take; `kept` beside its folder is a copy of both."""
    folder = tmp_path_factory.mktemp("losses") / "now"
    world = new_world(folder, new_repository)
    world.write("data/bronze/addresses.jsonl", b"1\n2\n")
    world.write("data/bronze/changes/proposed.jsonl", b'{"id": "a"}\n')
    world.decide("second")
    world.copy()
    purge(world, 1)
    world.copy()
    world.decide("third")
    world.copy()
    shutil.copytree(folder, folder.with_name("kept"))
    return world


@pytest.fixture
def purged(once_purged: World) -> World:
    """The same, as it was, in the same place: snapshots hold the paths."""
    place = once_purged.folder.parent
    shutil.rmtree(place)
    shutil.copytree(place.with_name("kept"), place)
    return replace(once_purged)


@pytest.mark.dear
@pytest.mark.parametrize("loss", LOSSES)
def test_whatever_is_lost_is_said_brought_back_and_forgotten_nowhere(purged: World, loss: str) -> None:
    world, day = purged, purged.now.date()
    whole = {name: held for name, held in contents(world.lake.data_dir).items() if name.startswith(ROOTS)}
    world.now += timedelta(days=1)
    before = {each.id for each in world.snapshots()}
    lose, said = LOSSES[loss]
    lose(world)
    checked = check_copy(world.run(), world.settings, 5)
    assert not checked.agrees
    assert any("copy restore" in each or "`strava-pipeline copy` copies" in each for each in _advice(checked))
    (found,) = copy_after_run(world.run(), world.settings).findings
    assert (found.rule, found.holds, (said or "1 file that the second copy had") in found.advice) == (
        COPIED_CHECK,
        False,
        True,
    )
    assert ADOPT in found.advice
    assert before <= {each.id for each in world.snapshots()}
    world.restore("back", day=None if said else day)  # without a refusal the newest state is that of the loss
    assert whole.items() <= contents(world.folder.parent / "back" / "data").items()
    if said:
        with pytest.raises(CopyIncompleteError, match=said) as refused:
            world.copy()
        assert (refused.value.exit_code, {each.id for each in world.snapshots()}) == (4, before)
        assert said in copy_age(world.lake, world.repository).problem
    else:
        world.write("data/bronze/files/cd/cd34", b"imported since")
        done = world.copy()
        assert (len(done.lost), done.forgotten, "own" in done.kinds) == (1, 0, True)
        assert before < {each.id for each in world.snapshots()}
    assert world.copy(adopt=True).lost == []
    purge(world, 2)
    world.copy()
    blobs = world.type_restic("list", "blobs")
    assert not any(hashlib.sha256(COPIED[DETAIL.format(key)]).hexdigest() in blobs for key in (1, 2))


@pytest.mark.parametrize("left", ["state", "copy"])
def test_lost_lines_of_decisions_come_back_before_what_was_written_since(world: World, left: str) -> None:
    whole = world.decide("second")
    world.copy()
    if left == "copy":
        shutil.rmtree(world.lake.kept_decisions)
    shutil.rmtree(world.lake.decisions)
    since = world.decide("since")
    if left == "copy":
        with pytest.raises(CopyIncompleteError, match="Lines of"):
            world.copy()
    else:
        world.more = {"restic_repository": None}
    assert restore_decisions(world.lake, world.settings, world.now, None) == {"matches.jsonl": 2}
    assert (world.folder / LINE).read_bytes() == whole + since
    assert restore_decisions(world.lake, world.settings, world.now, None) == {}
    world.more = {}
    assert world.copy().problem == ""
    assert {path.stat().st_mode & 0o777 for path in world.lake.kept_decisions.iterdir()} == {0o600}


def test_a_file_that_restic_leaves_out_is_not_called_copied(world: World) -> None:
    world.write("data/bronze/files/.odd.tmp/x", b"in a folder that is called like an unfinished file")
    with pytest.raises(CopyIncompleteError, match=r"lacks 1 of \d+ files"):
        world.copy()
    assert world.kinds() == []


def test_another_repository_begins_anew_and_the_one_before_is_remembered(world: World, tmp_path: Path) -> None:
    world.copy()
    assert copy_health(world.lake, world.now, "/elsewhere")[0].text.startswith("it was never completed")
    shutil.copytree(world.repository, tmp_path / "other")
    shutil.rmtree(tmp_path / "other" / "snapshots")
    (tmp_path / "other" / "snapshots").mkdir()
    before, world.more = world.repository, {"restic_repository": str(tmp_path / "other")}
    assert world.copy().kinds == ["own", "api", "published"]
    assert [*earlier_places(world.lake, str(tmp_path / "other"))] == [before]


def test_a_linked_folder_may_lose_a_file(world: World, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    for name in ("a.sql", "b.sql"):
        (tmp_path / "disk" / name).write_text("SELECT 1")
    world.lake.widgets.symlink_to(tmp_path / "disk")
    world.copy()
    (tmp_path / "disk" / "a.sql").unlink()
    assert world.copy().kinds == ["own"]


def test_what_the_password_command_writes_is_not_shown(world: World) -> None:
    world.copy()
    command = "sh -c 'echo token=hunter2 >&2; echo wrong'"
    world.more = {"restic_password_file": None, "restic_password_command": command}
    with pytest.raises(PipelineError, match="The password is not that") as said:
        world.copy()
    assert "hunter2" not in str(said.value)
