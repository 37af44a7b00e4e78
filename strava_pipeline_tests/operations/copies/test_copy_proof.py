"""Getting the second copy back: of which day, what is refused, and what is said of a copy that lost something."""

import os
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from strava_pipeline.core.errors import MisuseError, PipelineError
from strava_pipeline.ingest.restic import CopyIncompleteError
from strava_pipeline.lake.bronze.expired import Expired
from strava_pipeline.lake.copied import is_place
from strava_pipeline.lake.decisions import record_decisions
from strava_pipeline.operations.copy_proof import UNFINISHED, restore_decisions
from strava_pipeline_tests.operations.copies.conftest import COPIED, DETAIL, NOON, World, contents

pytestmark = pytest.mark.slow


def by_hand(world: World, kind: str, *paths: str) -> None:
    """Make a snapshot as ours are, of whatever is there."""
    world.now += timedelta(minutes=1)
    like = next(each for each in world.snapshots() if each.kind == kind)
    words = ["--host", like.host, *(word for tag in like.tags for word in ("--tag", tag))]
    world.type_restic("backup", "--time", f"{world.now:%Y-%m-%d %H:%M:%S}", *words, *paths)


def test_a_day_is_restored_as_it_was_at_its_end_and_what_expires_as_it_is_kept(world: World) -> None:
    world.now = NOON.replace(hour=23, minute=58)
    world.copy()  # at 23:59 in London
    decided = world.decide("later")
    world.write("data/warehouse/strava.duckdb", b"later tables")
    world.copy()
    first = NOON.date()
    record_decisions(world.lake, Expired(at=world.now, by="STRAVA_API_KEEP_DAYS", ids=[1]))
    shutil.rmtree((world.folder / DETAIL.format(1)).parent)
    world.now += timedelta(days=3)
    world.copy()
    done = world.restore("then", day=first)
    then = contents(world.folder.parent / "then")
    assert then["data/decisions/matches.jsonl"] == COPIED["data/decisions/matches.jsonl"]
    assert "data/warehouse/strava.duckdb" not in then, "of which only the newest is kept: a rebuild makes it"
    assert (DETAIL.format(1) in then, then[DETAIL.format(3)], [*done.newer]) == (False, b"a detail of 3", ["api"])
    later = world.restored("later", day=first + timedelta(days=1))
    assert later["data/decisions/matches.jsonl"] == decided
    with pytest.raises(MisuseError, match=r"has nothing of then: its snapshots are from .* is the clock right\?"):
        world.restore("before", day=first - timedelta(days=1))
    world.now -= timedelta(days=300)
    with pytest.raises(MisuseError, match="Snapshots later than now are not used"):
        world.restore("clock")
    assert not (world.folder.parent / "clock").exists()


def test_links_and_places_of_no_data_folder_are_refused_before_anything_is_written(world: World) -> None:
    world.copy()
    (world.lake.decisions / "link").symlink_to("/etc")
    by_hand(world, "own", "decisions")
    with pytest.raises(
        PipelineError, match=r"holds links, or places that no data folder has.*: /decisions/link\. Somebody"
    ):
        world.restore("back")
    (world.lake.decisions / "link").unlink()
    by_hand(world, "own", "decisions", "state/app.sqlite3")
    with pytest.raises(PipelineError, match=r"/state/app\.sqlite3"):
        world.restore("back")
    assert not (world.folder.parent / "back").exists()


@pytest.mark.parametrize(
    ("kind", "path", "may"),
    [
        ("dir", "/bronze", True),
        ("file", "/bronze/activities/1/page-0001.json.gz", True),
        ("file", "/warehouse/strava.duckdb", True),
        ("dir", "/state", True),
        ("file", "/state/beside/goals.toml", True),
        ("file", "/state/beside/views/mine.sql", True),
        ("dir", "/state/beside/views", True),
        ("file", "/state/beside/.env", False),
        ("file", "/state/beside/secrets/strava_token.json", False),
        ("symlink", "/bronze/files", False),
        ("fifo", "/bronze/files", False),
        ("file", "/state", False),
        ("file", "/state/locks/x", False),
        ("file", "/bronze/../../.bashrc", False),
        ("file", "/warehouse/strava.duckdb/x", False),
        ("file", "/bronzes/x", False),
        ("file", "/etc/passwd", False),
        ("file", "bronze/x", False),
        ("file", "/decisions/x\n/etc", True),
        ("dir", "/inbox", True),
        ("file", "/inbox/files/x", False),
    ],
)
def test_where_a_copy_may_write(kind: str, path: str, may: bool) -> None:
    assert is_place(kind, path) is may


def test_only_an_empty_folder_takes_a_copy_and_an_interrupted_restore_goes_on(world: World) -> None:
    world.copy()
    back = world.folder.parent / "back"
    back.mkdir()
    (back / "mine").write_text("mine")
    with pytest.raises(MisuseError, match="is not empty"):
        world.restore("back")
    (back / "mine").unlink()
    world.restore("back")
    mark = " ".join(each.id for kind in ("own", "api", "published") for each in world.snapshots() if each.kind == kind)
    (back / UNFINISHED).write_text(mark)  # as if it had been killed
    (back / DETAIL.format(3)).unlink()
    (back / "data" / "warehouse" / "strava.duckdb").chmod(0o400)
    for name in ("goals.toml", "views"):
        shutil.rmtree(back / name) if (back / name).is_dir() else (back / name).unlink()
    assert world.restored("back") == COPIED


def test_a_copy_that_lost_bytes_restores_the_others_and_says_which(world: World) -> None:
    world.write("data/bronze/files/cd/cd34", os.urandom(3_000_000))
    world.copy()
    packs = [path for path in (Path(world.repository) / "data").rglob("*") if path.is_file()]
    largest = max(packs, key=lambda path: path.stat().st_size)
    largest.chmod(0o600)
    with largest.open("r+b") as file:
        file.seek(1_500_000)
        file.write(bytes(100))
    with pytest.raises(
        CopyIncompleteError, match=r"were restored into .*\. 1 could not be: bronze/files/cd/cd34\."
    ) as said:
        world.restore("back")
    assert said.value.exit_code == 4
    back = contents(world.folder.parent / "back")
    assert back[DETAIL.format(3)] == b"a detail of 3"
    assert "data/bronze/files/cd/cd34" not in back, "restic leaves it with a hole, in its full size"
    with pytest.raises(CopyIncompleteError, match="is damaged"):
        world.restic.check(100)


@pytest.mark.parametrize(
    ("kinds", "told"),
    [
        ("own", r"own \(your decisions, imports.*\): no command makes it again"),
        ("api", r"api \(what came by Strava's API\): `strava-pipeline flow-backfill`"),
        ("published", r"published \(the warehouse\): `strava-pipeline rebuild`"),
        ("api published", r"api \(.*; published \("),
    ],
)
def test_a_copy_that_lost_all_of_a_kind_names_it_restores_the_rest_and_is_made_whole(
    world: World, kinds: str, told: str
) -> None:
    world.copy()
    world.type_restic("forget", *(each.id for each in world.snapshots() if str(each.kind) in kinds.split()))
    with pytest.raises(
        CopyIncompleteError, match=rf"lacks all snapshots of: {told}.*`strava-pipeline copy` there"
    ) as said:
        world.restore("back")
    assert said.value.exit_code == 4
    back = contents(world.folder.parent / "back")
    assert {DETAIL.format(3) in back, "data/decisions/matches.jsonl" in back} == {"api" not in kinds, kinds != "own"}
    if kinds == "own":
        with pytest.raises(CopyIncompleteError, match=rf"lacks all snapshots of: {told}"):
            restore_decisions(world.lake, world.settings, world.now, None)
    assert world.copy().kinds == kinds.split()
    assert world.restored("again") == COPIED


def test_snapshots_later_than_now_are_not_taken_for_those_of_now(world: World) -> None:
    world.copy()
    world.type_restic("forget", *(each.id for each in world.snapshots() if each.kind == "api"))
    world.now += timedelta(days=400)
    world.write(DETAIL.format(13), b"a detail of 13")
    world.more = {"api_keep_days": 1000}
    world.copy()
    world.now -= timedelta(days=400)
    with pytest.raises(CopyIncompleteError, match="or has them with a time later than now"):
        world.restore("ahead")
