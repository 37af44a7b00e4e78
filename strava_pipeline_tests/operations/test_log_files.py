"""Where logs lie, which one is the newest, and which are removed: files alone, no run."""

import os
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest

from strava_pipeline.operations.log_files import (
    HUMAN,
    STRUCTURED,
    latest_link,
    list_logs,
    log_of,
    point_latest,
    prune,
    reserve,
)

AT = datetime(2026, 3, 10, 23, 59, 59, 999_999, tzinfo=UTC)
TODAY = AT.date()


def write_logs(logs_dir: Path, at: datetime) -> tuple[Path, Path]:
    """A run's two logs, each holding a line."""
    paths = reserve(logs_dir, at)
    for path in paths:
        with path.open("ab") as file:
            file.write(b"a line\n")
    return paths


def of_day(logs_dir: Path, day: date) -> tuple[Path, Path]:
    return write_logs(logs_dir, datetime(day.year, day.month, day.day, 5, tzinfo=UTC))


def there(logs_dir: Path) -> list[str]:
    return sorted(path.relative_to(logs_dir).as_posix() for path in logs_dir.rglob("*") if not path.is_dir())


def days_before(days: Iterable[int]) -> list[date]:
    return [TODAY - timedelta(days=one) for one in days]


def test_a_run_has_two_files_in_the_folders_of_its_day_in_utc(tmp_path: Path) -> None:
    write_logs(tmp_path, AT.astimezone(timezone(timedelta(hours=13))))
    assert there(tmp_path) == [
        "flow/2026/03/10/flow_20260310T235959999999Z.log",
        "flow/structured/2026/03/10/flow_20260310T235959999999Z.jsonl",
    ]


def test_runs_that_begin_in_the_same_moment_share_no_file(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        pairs = list(pool.map(lambda _: write_logs(tmp_path, AT), range(40)))
    assert len({path for pair in pairs for path in pair}) == 80
    assert all(human.stem == structured.stem for human, structured in pairs)
    assert all(path.read_bytes() == b"a line\n" for pair in pairs for path in pair)


def test_latest_leads_to_the_newest_wherever_the_folder_is_moved(tmp_path: Path) -> None:
    logs_dir = tmp_path / "logs"
    for day in days_before([1, 0]):
        human, _ = of_day(logs_dir, day)
        point_latest(logs_dir, human)
    moved = logs_dir.rename(tmp_path / "elsewhere")
    link = latest_link(moved)
    assert not link.readlink().is_absolute()
    assert link.resolve() == list_logs(moved, HUMAN)[-1]
    assert [path.name for path in link.parent.iterdir() if path.name.startswith(".")] == []


def test_a_file_in_the_place_of_latest_is_left_alone(tmp_path: Path) -> None:
    human, _ = of_day(tmp_path, TODAY)
    latest_link(tmp_path).write_text("notes")
    point_latest(tmp_path, human)
    assert latest_link(tmp_path).read_text() == "notes"


def test_logs_are_listed_in_the_order_in_which_runs_began_whatever_else_lies_there(tmp_path: Path) -> None:
    assert list_logs(tmp_path, HUMAN) == []
    began = [datetime(2026, 3, 9, 23, tzinfo=UTC), AT.replace(hour=0), AT.replace(hour=1)]
    pairs = [write_logs(tmp_path, at) for at in (began[0], began[2], began[1])]
    last = pairs[1][0]
    (last.parent / "flow_zzz.log").touch()
    (last.parent / "flow_20260311T010000000000Z.log").touch()
    (tmp_path / "flow" / "2026" / "13" / "45").mkdir(parents=True)
    (tmp_path / "flow" / "2026" / "03" / "11").mkdir()
    assert list_logs(tmp_path, HUMAN) == [pairs[number][0] for number in (0, 2, 1)]
    assert list_logs(tmp_path, STRUCTURED) == [pairs[number][1] for number in (0, 2, 1)]


def test_the_log_of_a_run_is_found_by_its_first_line(tmp_path: Path) -> None:
    pairs = [write_logs(tmp_path, AT) for _ in range(3)]
    for (human, _), text in zip(pairs, ("run abc\n", "run def\nabc", "run ghi\n"), strict=True):
        human.write_text(text)
    assert log_of(tmp_path, "abc") == pairs[0][0]
    assert log_of(tmp_path, "xyz") is None


@pytest.mark.parametrize(
    ("kept", "human", "structured"),
    [
        (None, [0, 14], [0, 14, 15, 30]),
        (0, [0], [0]),
        (20, [0, 14, 15], [0, 14, 15]),
        (1_000_000, [0, 14, 15, 30, 31, 400], [0, 14, 15, 30, 31, 400]),
    ],
)
def test_logs_go_by_the_day_of_their_folder(
    tmp_path: Path, kept: int | None, human: list[int], structured: list[int]
) -> None:
    ages = [0, 14, 15, 30, 31, 400]
    for day in days_before(ages):
        of_day(tmp_path, day)
    removed, faults = prune(tmp_path, TODAY, kept)
    for kind, left in ((HUMAN, human), (STRUCTURED, structured)):
        folders = {path.parent for path in kind.root(tmp_path).glob("[0-9]*/*/*/*")}
        assert folders == {
            kind.path(tmp_path, datetime(d.year, d.month, d.day, tzinfo=UTC)).parent for d in days_before(left)
        }
    assert (removed, faults) == (2 * len(ages) - len(human) - len(structured), [])
    assert [path for path in tmp_path.rglob("*") if path.is_dir() and not any(path.iterdir())] == []


def test_what_is_not_ours_is_never_removed_nor_the_folder_it_lies_in(tmp_path: Path) -> None:
    human, structured = of_day(tmp_path, date(2025, 1, 1))
    theirs = [
        human.with_name("notes.txt"),
        human.with_name("flow_mine.log"),
        human.with_name(structured.name),
        structured.with_name("flow_20250101T050000000000Z.jsonl.gz"),
        tmp_path / "flow" / "2025" / "flow_20250101T050000000000Z.log",
        tmp_path / "emulator.log",
        tmp_path / "2025" / "01" / "01" / "flow_20250101T050000000000Z.log",
    ]
    for path in theirs:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("theirs")
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.mkdir()
    behind_a_link = [outside / human.name, outside / "flow_20250102T050000000000Z.log"]
    for path in behind_a_link:
        path.write_text("theirs")
    (tmp_path / "flow" / "2025" / "01" / "02").symlink_to(outside)
    human.with_name("flow_20250101T060000000000Z.log").symlink_to(outside / human.name)
    loop = human.with_name("flow_20250101T070000000000Z.log")
    loop.symlink_to(loop)
    assert prune(tmp_path, TODAY) == (2, [])
    assert not human.exists()
    assert not structured.exists()
    assert all(path.read_text() == "theirs" for path in [*theirs, *behind_a_link])
    assert human.with_name("flow_20250101T060000000000Z.log").is_symlink()


def test_a_link_whose_log_went_goes_too(tmp_path: Path) -> None:
    human, _ = of_day(tmp_path, date(2025, 1, 1))
    point_latest(tmp_path, human)
    prune(tmp_path, TODAY)
    assert there(tmp_path) == []


def test_half_made_links_of_killed_runs_go_and_one_that_is_being_made_stays(tmp_path: Path) -> None:
    of_day(tmp_path, TODAY)
    links = [tmp_path / "flow" / f".flow_{TODAY:%Y%m%d}T23595900000{number}Z.log.tmp" for number in range(3)]
    for link, age in zip(links, (86_400, 90, 0), strict=True):
        link.symlink_to("gone.log")
        os.utime(link, (time.time() - age,) * 2, follow_symlinks=False)
    other = tmp_path / "flow" / ".flow_20250101T050000000000Z.log.tmp"
    other.write_text("no link")
    assert prune(tmp_path, TODAY) == (0, [])
    assert [link.is_symlink() for link in links] == [False, False, True]
    assert other.exists()


def test_what_can_not_be_removed_is_reported_and_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stuck, _ = of_day(tmp_path, date(2025, 1, 1))
    of_day(tmp_path, date(2025, 1, 2))
    unlink = os.unlink

    def refuse(path: str | os.PathLike[str], **more: int) -> None:
        if os.fspath(path) == str(stuck):
            raise PermissionError(13, "Permission denied", str(path))
        unlink(path, **more)

    monkeypatch.setattr(os, "unlink", refuse)
    assert prune(tmp_path, TODAY) == (3, [f"{stuck}: Permission denied"])
    assert there(tmp_path) == [stuck.relative_to(tmp_path).as_posix()]
