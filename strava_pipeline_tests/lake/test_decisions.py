"""lake.decisions: what a person decided stays, in order, whatever else happens to its file."""

import ast
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import pytest

from strava_pipeline.lake.decisions import (
    FILES,
    Decision,
    DecisionFile,
    decision_files,
    decisions,
    keep_decisions,
    lost_decisions,
    record_decisions,
)
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.purged_activities import bring_back_words
from strava_pipeline_tests.lake.bronze import HOUR, NOW
from strava_pipeline_tests.test_architecture import MODULES


class Colour(Decision):
    kind: ClassVar[str] = "colours"
    name: str


class Number(Decision):
    kind: ClassVar[str] = "numbers"
    value: int


def colour(name: str, hours: int = 0) -> Colour:
    return Colour(at=NOW + hours * HOUR, by="a test", name=name)


def read(lake: Lake) -> DecisionFile[Colour]:
    return decisions(lake, Colour)


def names(lake: Lake) -> list[str]:
    return [each.name for each in read(lake).all]


def test_decisions_come_back_in_the_order_taken_each_kind_from_its_own_file(lake: Lake) -> None:
    assert read(lake).all == []
    taken = [colour("red", 2), colour("green", 1), colour("größer\n")]
    record_decisions(lake, *taken[:2])
    record_decisions(lake, Number(at=NOW, by="a test", value=9007199254740993))
    record_decisions(lake, taken[2])
    assert (read(lake).all, read(lake).unreadable) == (taken, [])
    assert decisions(lake, Number).all[0].value == 9007199254740993
    assert sorted(path.name for path in lake.decisions.iterdir()) == ["colours.jsonl", "numbers.jsonl"]
    assert (lake.decisions / "colours.jsonl").read_bytes().count(b"\n") == 3


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_torn_last_line_is_told_and_loses_no_other_before_or_after(lake: Lake, cut: int) -> None:
    record_decisions(lake, colour("red"), colour("green"))
    path = read(lake).path
    path.write_bytes(path.read_bytes()[: -cut - 1])
    assert (names(lake), read(lake).unreadable) == (["red"], [2])
    record_decisions(lake, colour("blue"))
    assert (names(lake), read(lake).unreadable) == (["red", "blue"], [2])


def test_a_whole_line_that_lacks_only_its_end_counts(lake: Lake) -> None:
    record_decisions(lake, colour("red"))
    path = read(lake).path
    path.write_bytes(path.read_bytes().rstrip())
    assert names(lake) == ["red"]
    record_decisions(lake, colour("blue"))
    assert (names(lake), read(lake).unreadable) == (["red", "blue"], [])


@pytest.mark.parametrize(
    "line",
    [b"[]", b"null", b"\xff\xfe", b'{"name": "x"}', b'{"at": "today", "by": "x", "name": "y"}', b'{"at": "2026-06-01T12:00:00", "by": "x", "name": "y"}', b"\0" * 80],
    ids=repr,
)  # fmt: skip
def test_a_line_that_is_no_decision_is_passed_over_and_told(lake: Lake, line: bytes) -> None:
    record_decisions(lake, colour("red"))
    with read(lake).path.open("ab") as file:
        file.write(line + b"\n")
    record_decisions(lake, colour("blue"))
    assert (names(lake), read(lake).unreadable) == (["red", "blue"], [2])


def test_every_file_can_be_looked_at_whatever_its_kind(lake: Lake) -> None:
    record_decisions(lake, colour("red"), Number(at=NOW, by="a test", value=1))
    with (lake.decisions / "later.jsonl").open("wb") as file:
        file.write(b'{"at": "2026-06-01T12:00:00Z", "by": "x", "of": "a kind to come"}\n{"at')
    found = [(each.path.name, len(each.all), each.unreadable) for each in decision_files(lake)]
    assert found == [("colours.jsonl", 1, []), ("later.jsonl", 1, [2]), ("numbers.jsonl", 1, [])]


def test_a_field_of_a_later_version_is_passed_over(lake: Lake) -> None:
    lake.decisions.mkdir(parents=True)
    line = b'{"at": "2026-06-01T12:00:00Z", "by": "x", "name": "red", "shade": {"dark": true}}\n'
    read(lake).path.write_bytes(line)
    assert names(lake) == ["red"]


def test_who_decides_at_the_same_time_tears_no_line(lake: Lake) -> None:
    with ThreadPoolExecutor(4) as many:
        list(many.map(lambda number: record_decisions(lake, colour(str(number))), range(40)))
    assert sorted(map(int, names(lake))) == list(range(40))


READ: dict[str, Callable[[Lake], object]] = {
    "looked at": decision_files,
    "kept": keep_decisions,
    "compared": lost_decisions,
    "brought back": lambda lake: bring_back_words(lake, lake.kept_decisions),
}


@pytest.mark.parametrize("read_by", READ.values(), ids=READ.keys())
def test_a_pipe_among_the_files_hangs_nobody_and_rubbish_is_no_decision(
    lake: Lake, read_by: Callable[[Lake], object]
) -> None:
    lines = {"matches.jsonl": b'{"at": "2026-06-01T12:00:00Z"}\n', "bests.jsonl": b'{"at": "2026-06-02T12:00:00Z"}\n'}
    lake.decisions.mkdir(parents=True)
    for name, line in lines.items():
        (lake.decisions / name).write_bytes(line)
    keep_decisions(lake)
    (lake.decisions / "bests.jsonl").unlink()
    for folder in (lake.decisions, lake.kept_decisions):
        (folder / "rubbish.jsonl").write_bytes(b"of somebody else\n")
        for name in ("a pipe.jsonl", "shrinks.jsonl"):
            os.mkfifo(folder / name)
    before = (lake.decisions / "rubbish.jsonl").read_bytes()
    (lake.kept_decisions / "rubbish.jsonl").write_bytes(b"of yet another\n")
    read_by(lake)
    assert lost_decisions(lake) == ({} if read_by is READ["brought back"] else {"bests.jsonl": 1})
    assert (lake.decisions / "rubbish.jsonl").read_bytes() == before


def test_every_kind_of_decision_is_kept_a_second_time() -> None:
    kinds = {kind for path in MODULES for kind in declared_kinds(ast.parse(path.read_text(encoding="utf-8")))}
    assert {f"{kind}.jsonl" for kind in kinds} == {*FILES}


def declared_kinds(module: ast.Module) -> list[str]:
    """The kinds of the subclasses of `Decision` in a module."""
    decided = [
        each
        for each in ast.walk(module)
        if isinstance(each, ast.ClassDef) and "Decision" in {getattr(base, "id", "") for base in each.bases}
    ]
    named = [line for each in decided for line in each.body if isinstance(line, ast.AnnAssign)]
    return [ast.literal_eval(line.value) for line in named if getattr(line.target, "id", "") == "kind" and line.value]
