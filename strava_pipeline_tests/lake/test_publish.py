"""lake.gold.publish: readers open a snapshot that is whole, whatever the writer does."""

import os
import shutil
import stat
import subprocess
import sys
from dataclasses import replace
from datetime import datetime
from typing import Any

import duckdb
import pytest

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.lake.gold.notes import mark_changed, unmark
from strava_pipeline.lake.gold.publish import current_snapshot, insights_snapshot, publish, snapshot
from strava_pipeline.lake.gold.warehouse import REBUILDING, writing
from strava_pipeline.lake.imports.merge import merge_details
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.bronze import DAY, NOW, activity, detailed, listed, merge
from strava_pipeline_tests.patience import PATIENCE

pytestmark = pytest.mark.slow


def names(lake: Lake) -> list[str]:
    with snapshot(lake) as connection:
        return [row[0] for row in connection.execute("SELECT name FROM activities ORDER BY id").fetchall()]


@pytest.mark.dear
def test_the_snapshot_is_what_was_merged_last(lake: Lake) -> None:
    listed(lake, [activity(1, name="A")])
    merge(lake)
    assert publish(lake)
    listed(lake, [activity(1, name="B")], at=NOW + DAY)
    merge(lake)
    assert names(lake) == ["A"]
    assert publish(lake)
    assert names(lake) == ["B"]


def test_publishing_without_a_change_does_nothing(lake: Lake) -> None:
    assert publish(lake)
    before = lake.snapshot.stat()
    assert not publish(lake)
    assert (lake.snapshot.stat().st_ino, lake.snapshot.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize(("folder", "file"), [(0o700, 0o400), (0o750, 0o440), (0o755, 0o444)])
def test_nobody_may_write_to_it_and_who_may_enter_its_folder_may_read_it(lake: Lake, folder: int, file: int) -> None:
    lake.snapshot.parent.chmod(folder)
    publish(lake)
    assert stat.S_IMODE(lake.snapshot.stat().st_mode) == file
    with snapshot(lake) as connection, pytest.raises(duckdb.Error, match="read-only"):
        connection.execute("DELETE FROM activities_all")


def test_a_group_may_read_the_snapshot_and_nothing_else_also_where_it_was_published_before(lake: Lake) -> None:
    publish(lake)
    group = next((each for each in os.getgroups() if each != os.getgid()), os.getgid())
    for change in (False, True):
        with writing(lake) as connection:
            if change:
                mark_changed(connection)
        assert publish(replace(lake, group=group)) is change
        found = [path.stat() for path in (lake.data_dir, lake.snapshot.parent, lake.snapshot)]
        assert [stat.S_IMODE(each.st_mode) for each in found] == [0o750, 0o750, 0o440]
        assert {each.st_gid for each in found} == {group}


def test_a_group_that_the_owner_is_not_in_is_said(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chown", refused)  # root may give files to any group
    with pytest.raises(PipelineError, match="STRAVA_DATA_GROUP names"):
        publish(replace(lake, group=54321))


def test_no_log_of_an_old_file_lies_beside_a_new_one(lake: Lake) -> None:
    publish(lake)
    wal = lake.snapshot.with_name(f"{lake.snapshot.name}.wal")
    wal.write_bytes(b"left by a writer that is no more")
    with writing(lake) as connection:
        mark_changed(connection)
    assert publish(lake)
    assert sorted(path.name for path in lake.snapshot.parent.iterdir()) == ["strava.duckdb", "working"]
    assert names(lake) == []


def show(lake: Lake, name: str, at: datetime = NOW) -> None:
    """Publish an activity of this name."""
    listed(lake, [activity(1, name=name)], at=at)
    merge(lake)
    publish(lake)


@pytest.mark.dear
def test_a_failed_publish_leaves_the_old_snapshot_and_no_rubbish(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    show(lake, "A")
    listed(lake, [activity(1, name="B")], at=NOW + DAY)
    merge(lake)

    def full(source: Any, target: Any) -> None:
        target.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(OSError, match="No space"):
        publish(lake)
    assert names(lake) == ["A"]
    assert sorted(path.name for path in lake.snapshot.parent.iterdir()) == ["strava.duckdb", "working"]
    monkeypatch.undo()
    assert publish(lake)
    assert names(lake) == ["B"]


@pytest.mark.dear
def test_a_warehouse_made_anew_is_published_although_it_counts_from_the_start(lake: Lake) -> None:
    show(lake, "A")
    shutil.rmtree(lake.working.parent)
    with writing(lake) as connection:
        mark_changed(connection)
    assert not publish(lake)  # it does not hold what bronze does yet
    assert names(lake) == ["A"]
    with writing(lake) as connection:
        unmark(connection, REBUILDING)
    assert publish(lake)
    assert names(lake) == []


@pytest.mark.parametrize("content", [b"", b"garbage", b"\0" * 20_000])
def test_a_snapshot_that_cannot_be_read_is_replaced(lake: Lake, content: bytes) -> None:
    show(lake, "A")
    lake.snapshot.unlink()
    lake.snapshot.write_bytes(content)
    assert publish(lake)
    assert names(lake) == ["A"]


def test_before_the_first_publish_a_reader_is_told_what_to_do(lake: Lake) -> None:
    with pytest.raises(PipelineError, match="flow"), snapshot(lake):
        pass


def test_a_look_at_the_snapshot_within_a_look_opens_no_other(lake: Lake) -> None:
    publish(lake)
    with current_snapshot(lake) as connection:
        with current_snapshot(lake) as inner, insights_snapshot(lake) as innermost:
            assert inner is innermost is connection
        listed(lake, [activity(1)], at=NOW)
        merge(lake)
        publish(lake)
        with current_snapshot(lake) as same:
            assert same.execute("SELECT count(*) FROM activities").fetchall() == [(0,)], "the inner ones closed none"
    with current_snapshot(lake) as another:
        assert another.execute("SELECT count(*) FROM activities").fetchall() == [(1,)]


@pytest.mark.dear
def test_a_reader_keeps_what_it_opened(lake: Lake) -> None:
    show(lake, "A")
    with snapshot(lake) as connection:
        show(lake, "B", NOW + DAY)
        assert connection.execute("SELECT name FROM activities").fetchall() == [("A",)]
    assert names(lake) == ["B"]


READER = """
import sys
from pathlib import Path
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.gold.publish import snapshot
lake = Lake(Path(sys.argv[1]))
seen = []
while not seen or seen[-1] < int(sys.argv[2]):
    with snapshot(lake) as connection:
        counts = connection.execute(
            "SELECT (SELECT count(*) FROM activities), (SELECT count(*) FROM activity_details), "
            "(SELECT count(*) FROM activity_laps)"
        ).fetchone()
    assert counts[0] == counts[1] and counts[2] == 3 * counts[0], counts
    if not seen:
        print("reading", flush=True)
    if not seen or counts[0] != seen[-1]:
        seen.append(counts[0])
assert seen == sorted(seen), seen
print(seen)
"""


@pytest.mark.dear
def test_readers_in_another_process_see_no_error_and_nothing_half_while_others_publish(lake: Lake) -> None:
    def publish_with(number: int) -> None:
        listed(lake, [activity(each) for each in range(number)], at=NOW + number * DAY)
        merge(lake)
        detailed(lake, activity(number - 1, laps=[{}, {}, {}]))
        merge_details(lake, [2025])
        assert publish(lake)

    publish_with(1)
    command = [sys.executable, "-c", READER, str(lake.data_dir), "5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "reading\n", reader.communicate()
        for number in range(2, 6):
            publish_with(number)
        out, err = reader.communicate(timeout=PATIENCE)
    assert reader.returncode == 0, err
    assert out.strip().endswith("5]")


DIE = """
import os, sys
from pathlib import Path
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.gold.notes import mark_changed
from strava_pipeline.lake.gold.warehouse import connect
connection = connect(Lake(Path(sys.argv[1])).working)
connection.execute("INSERT INTO activities_all BY NAME SELECT 1 AS id, 'committed' AS name")
mark_changed(connection)
os._exit(9)  # power cut: no checkpoint, the log stays
"""


def test_what_a_writer_committed_before_it_died_is_published(lake: Lake) -> None:
    publish(lake)
    died = subprocess.run([sys.executable, "-c", DIE, str(lake.data_dir)], check=False, timeout=PATIENCE)
    assert died.returncode == 9
    assert lake.working.with_name(f"{lake.working.name}.wal").exists()
    assert publish(lake)
    assert names(lake) == ["committed"]
