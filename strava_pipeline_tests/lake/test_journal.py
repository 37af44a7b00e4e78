"""A journal: what was acknowledged is there after a death, a torn end is nobody's, and read segments can go."""

import os
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strava_pipeline.lake import journal
from strava_pipeline.lake.journal import (
    JournalFullError,
    ReadOffsets,
    Writer,
    delete_read,
    has_unread,
    segments,
    unread,
    waiting_bytes,
)
from strava_pipeline_tests.examples import examples

AT = datetime(2026, 11, 21, 6, tzinfo=UTC)
ROOMY = 10_000_000


def lines(folder: Path, read: ReadOffsets | None = None) -> list[bytes]:
    return [line.content for line in unread(folder, read or {})]


def test_lines_are_read_in_order_from_where_one_stopped(tmp_path: Path) -> None:
    writer = Writer(tmp_path, most_waiting=ROOMY)
    writer.append([b"one", b"two"], AT)
    first, second = unread(tmp_path, {})
    assert not has_unread(tmp_path, {second.segment: second.offset})
    writer.append([b"three"], AT)
    assert lines(tmp_path, {first.segment: first.offset}) == [b"two", b"three"]
    assert lines(tmp_path, {second.segment: second.offset}) == [b"three"]


def test_a_line_that_was_blanked_is_none_and_keeps_nothing(tmp_path: Path) -> None:
    writer = Writer(tmp_path, most_waiting=ROOMY)
    writer.append([b"one", b"two", b"three"], AT)
    journal.blank(tmp_path, lambda line: line != b"two")
    writer.append([b"four"], AT)
    two, four = unread(tmp_path, {})
    assert (two.content, four.content) == (b"two", b"four"), "the writer goes on at its end"
    journal.blank(tmp_path, lambda line: line == b"four")
    assert not has_unread(tmp_path, {two.segment: two.offset})
    writer.close()
    assert delete_read(tmp_path, {two.segment: two.offset}) == {}
    assert not segments(tmp_path)


def test_two_writers_are_read_to_the_end_of_both(tmp_path: Path) -> None:
    """One may be the intake that is about to end, the other the one that has just begun."""
    earlier, later = (Writer(tmp_path, most_waiting=ROOMY) for _ in range(2))
    earlier.append([b"one"], AT)
    later.append([b"two"], AT + timedelta(seconds=1))
    read = {line.segment: line.offset for line in unread(tmp_path, {})}
    assert len(read) == 2
    earlier.append([b"three"], AT + timedelta(seconds=2))
    assert lines(tmp_path, read) == [b"three"]


def test_a_full_segment_is_followed_by_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "FULL", 10)
    writer = Writer(tmp_path, most_waiting=ROOMY)
    for number in range(4):
        writer.append([f"line {number}".encode()] * 2, AT + timedelta(seconds=number))
    assert len(list(tmp_path.iterdir())) == 4
    assert lines(tmp_path) == [f"line {number}".encode() for number in range(4) for _ in range(2)]


def test_what_is_read_of_closed_segments_is_taken_away_and_no_other(tmp_path: Path) -> None:
    first, second = (Writer(tmp_path, most_waiting=ROOMY) for _ in range(2))
    first.append([b"one", b"two"], AT)
    second.append([b"three"], AT + timedelta(seconds=1))
    first.close()
    one, two, three = unread(tmp_path, {})
    half = {one.segment: one.offset}
    assert delete_read(tmp_path, half) == half | {three.segment: 0}
    both = {two.segment: two.offset, three.segment: three.offset}
    assert delete_read(tmp_path, both) == {three.segment: three.offset}, "the second has a writer"
    assert [path.name for path in segments(tmp_path)] == [three.segment]
    second.close()
    assert delete_read(tmp_path, both) == {}
    assert segments(tmp_path) == []


def test_a_torn_end_is_passed_over_and_goes_with_its_segment(tmp_path: Path) -> None:
    writer = Writer(tmp_path, most_waiting=ROOMY)
    writer.append([b"whole"], AT)
    writer.close()
    (path,) = tmp_path.iterdir()
    with path.open("ab") as file:
        file.write(b"half a li")
    (line,) = unread(tmp_path, {})
    assert line.content == b"whole"
    assert delete_read(tmp_path, {line.segment: line.offset}) == {}


def test_more_than_may_wait_is_refused_and_nothing_of_it_is_there(tmp_path: Path) -> None:
    writer = Writer(tmp_path, most_waiting=20)
    writer.append([b"x" * 9], AT)
    with pytest.raises(JournalFullError, match="nobody has read"):
        writer.append([b"y" * 5, b"z" * 5], AT)
    assert (lines(tmp_path), waiting_bytes(tmp_path)) == ([b"x" * 9], 10)
    writer.append([b"fits in"], AT)


def test_a_failed_write_leaves_no_part_of_its_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Writer(tmp_path, most_waiting=ROOMY)
    writer.append([b"one"], AT)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda number: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(OSError, match="No space"):
            writer.append([b"two", b"three"], AT)
    assert lines(tmp_path) == [b"one"]
    writer.append([b"four"], AT)
    assert lines(tmp_path) == [b"one", b"four"]


def test_a_reader_that_saw_what_could_not_be_kept_misses_nothing_of_what_comes_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines are seen as soon as they are written; they are taken back when they can't be made durable."""
    writer, read = Writer(tmp_path, most_waiting=ROOMY), dict[str, int]()
    writer.append([b"one"], AT)

    def broken(_: int) -> None:
        read.update({line.segment: line.offset for line in unread(tmp_path, {})})
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        with pytest.raises(OSError, match="Input/output"):
            writer.append([b"a line that is longer than the next"], AT)
    writer.append([b"two"], AT)
    assert lines(tmp_path, read) == [b"two"]


def test_a_disk_that_stays_full_gathers_no_empty_segments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Writer(tmp_path, most_waiting=ROOMY)
    monkeypatch.setattr(os, "write", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    for _ in range(3):
        with pytest.raises(OSError, match="No space"):
            writer.append([b"one"], AT)
    assert segments(tmp_path) == []


def test_a_write_in_parts_is_a_whole_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.write
    monkeypatch.setattr(os, "write", lambda file, content: whole(file, content[:3]))
    Writer(tmp_path, most_waiting=ROOMY).append([b"one line", b"another"], AT)
    assert lines(tmp_path) == [b"one line", b"another"]


@settings(max_examples=examples(40))
@given(clocks=st.lists(st.tuples(st.integers(-3600, 3600), st.booleans()), max_size=8))
def test_lines_are_in_order_whatever_the_clock_says_and_whoever_begins_again(clocks: list[tuple[int, bool]]) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        patched.setattr(journal, "FULL", 1)
        writer = Writer(Path(folder), most_waiting=ROOMY)
        for number, (seconds, restarts) in enumerate(clocks):
            if restarts:
                writer.close()
                writer = Writer(Path(folder), most_waiting=ROOMY)
            writer.append([str(number).encode()], AT + timedelta(seconds=seconds))
        writer.close()
        assert lines(Path(folder)) == [str(number).encode() for number in range(len(clocks))]


@pytest.mark.parametrize("how", ["deleted", "moved"])
def test_a_folder_that_is_gone_is_made_anew(tmp_path: Path, how: str) -> None:
    folder = tmp_path / "journal"
    writer = Writer(folder, most_waiting=ROOMY)
    writer.append([b"one"], AT)
    folder.rename(tmp_path / "elsewhere") if how == "moved" else shutil.rmtree(folder)
    writer.append([b"two"], AT)
    assert lines(folder) == [b"two"]


def test_a_segment_that_is_taken_away_while_another_is_read_ends_nobodys_reading(tmp_path: Path) -> None:
    writers = [Writer(tmp_path, most_waiting=ROOMY) for _ in range(2)]
    for number, writer in enumerate(writers):
        writer.append([str(number).encode()], AT + timedelta(seconds=number))
        writer.close()
    reading = unread(tmp_path, {})
    first = next(reading)
    segments(tmp_path)[1].unlink()
    assert [first.content, *(line.content for line in reading)] == [b"0"]


@pytest.mark.slow
def test_what_was_acknowledged_is_there_after_a_kill(tmp_path: Path) -> None:
    program = (
        "import sys; from datetime import UTC, datetime; from pathlib import Path\n"
        "from strava_pipeline.lake.journal import Writer\n"
        "writer = Writer(Path(sys.argv[1]), most_waiting=10**8)\n"
        "for number in range(10**6):\n"
        "    writer.append([str(number).encode()], datetime.now(UTC))\n"
        "    print(number, flush=True)\n"
    )
    folder = tmp_path / "journal"
    with subprocess.Popen([sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(50)]
        process.send_signal(signal.SIGKILL)
        told += process.stdout.readlines()
    acknowledged = [line.strip() for line in told if line.endswith(b"\n")]
    found = lines(folder)
    assert found[: len(acknowledged)] == acknowledged
    assert len(found) - len(acknowledged) <= 1, "one may have been written and not told"
    last = list(unread(folder, {}))[-1]
    assert delete_read(folder, {last.segment: last.offset}) == {}, "its writer is dead"
