"""One snapshot for many readers: who reads keeps theirs, who comes after a publish sees the new one."""

import re
from collections.abc import Callable
from pathlib import Path
from types import MethodType

import duckdb
import pytest

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.lake.gold import shared_snapshot
from strava_pipeline.lake.gold.notes import mark_changed
from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.lake.gold.shared_snapshot import SharedSnapshot
from strava_pipeline.lake.gold.warehouse import Connection, writing
from strava_pipeline.lake.paths import Lake

pytestmark = pytest.mark.slow


def athletes(reader: Connection) -> list[int]:
    return [row[0] for row in reader.execute("SELECT athlete_id FROM athlete ORDER BY ALL").fetchall()]


def add(lake: Lake, athlete_id: int) -> None:
    with writing(lake) as working:
        working.execute("INSERT INTO athlete (athlete_id, source) VALUES (?, 'strava')", [athlete_id])
        mark_changed(working)
    publish(lake)


@pytest.mark.dear
def test_who_comes_after_a_publish_sees_it_and_who_reads_keeps_theirs(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "data")
    shared = SharedSnapshot(lake)
    with pytest.raises(PipelineError, match="strava-pipeline flow"), shared.reader():
        pass
    add(lake, 1)
    with shared.reader() as first:
        add(lake, 2)
        with shared.reader() as second:
            assert (athletes(first), athletes(second)) == ([1], [1, 2])
            add(lake, 3)
            with shared.reader() as third:
                assert (athletes(first), athletes(second), athletes(third)) == ([1], [1, 2], [1, 2, 3])
                assert third.execute("SELECT current_setting('TimeZone')").fetchall() == [("UTC",)]
                with pytest.raises(duckdb.Error, match="read-only"):
                    third.execute("DELETE FROM athlete")
    assert first is not second
    lake.snapshot.chmod(0o644)
    lake.snapshot.write_bytes(b"no database")
    with pytest.raises(PipelineError, match="can't be read"), shared.reader():
        pass


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="asks Linux which files are open")
def test_a_purged_snapshot_is_not_kept_on_disk_by_who_read_it(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "data")
    shared = SharedSnapshot(lake)
    add(lake, 1)
    with shared.reader() as reader:
        assert athletes(reader) == [1]
    lake.snapshot.unlink()
    with pytest.raises(PipelineError, match="no published warehouse"), shared.reader():
        pass
    assert not open_files(lake)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="asks Linux which files are open")
def test_it_is_closed_when_nobody_asks_and_who_reads_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    timers: list[Callable[[], None]] = []
    lake = Lake(tmp_path / "data")
    shared = SharedSnapshot(lake)

    def after(seconds: float, action: MethodType) -> None:
        if action.__self__ is shared:  # and not that of another test, whose timer is real
            timers.append(action)

    monkeypatch.setattr(shared_snapshot, "_after", after)
    add(lake, 1)
    with shared.reader() as reader:
        timers.pop()()  # a minute is not over
        monkeypatch.setattr(shared_snapshot, "_IDLE", 0)
        timers.pop()()
        assert athletes(reader) == [1]
        assert open_files(lake)
    assert not open_files(lake)
    monkeypatch.setattr(shared_snapshot, "_REST", 0)
    timers.pop()()  # gives back what was freed
    assert not timers
    for _ in range(2):
        with shared.reader() as reader:
            assert athletes(reader) == [1]
    assert len(timers) == 2, "one to close it, one to give back"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux how much memory is resident")
def test_what_queries_have_freed_is_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_snapshot, "_after", lambda seconds, action: None)
    monkeypatch.setattr(shared_snapshot, "_REST", 0)
    lake = Lake(tmp_path / "data")
    shared = SharedSnapshot(lake)
    add(lake, 1)
    with shared.reader() as reader:
        reader.execute("SELECT i % 1000 AS k, list(hash(i)) FROM range(2_000_000) AS r (i) GROUP BY k").fetchmany(1)
    held = resident()
    shared._give_back()
    assert held - resident() > 5_000_000


def resident() -> int:
    """Bytes of this process."""
    return int(re.findall(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text())[0]) * 1024


def open_files(lake: Lake) -> list[Path]:
    """Descriptors of this process that are the snapshot."""
    held = [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return [path for path in held if str(path).startswith(str(lake.snapshot))]
