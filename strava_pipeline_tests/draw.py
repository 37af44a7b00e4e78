"""What a landing runs: every fast test, the slow ones marked `core`, and the other slow ones of one in twelve files.

    python -m strava_pipeline_tests.draw        prints the draw of this commit: a number, or nothing where everything is to run
    pytest --draw=1234                          runs what that draw says, with the sign of equality

The draw is the number of commits, so that twelve numbers in turn run everything; in a shallow checkout, which can't count them, it is the
commit's hash. A release runs everything. The slow tests of a file are drawn together, since they share what is set up. In the tests of one of
`ROOMS`, drawn by the same number, the warehouse is opened for each look, as processes do: see open_once.py.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline_tests.processes import ran

PARTS = 12
OPTION = "--draw"
REPORT = Path(".pytest_cache/drawn.txt")  # how many of how many tests the last draw had
# whose tests open warehouses
ROOMS = ("ingest", "lake", "operations", "orchestrate", "providers", "serve", "trips", "verbs")
_COUNTED = pytest.StashKey[dict[str, int]]()
_KEY = "drawn"  # of the same in what a worker of xdist hands over


def draw_of(repository: Path) -> int | None:
    """The draw of the commit that is checked out there; None: everything runs."""

    def git(*arguments: str) -> str:
        return ran("git", *arguments, cwd=repository, check=True).stdout.strip()

    if git("tag", "--points-at", "HEAD", "v*"):
        return None
    if git("rev-parse", "--is-shallow-repository") == "true":
        return int(git("rev-parse", "HEAD"), 16) % 1000
    return int(git("rev-list", "--count", "HEAD"))


def drawn_of(tests: Mapping[str, Collection[str]], draw: int) -> set[str]:
    """Which tests run in that draw, of node ids and their markers. Files are dealt by name, so that each draw has some of each room."""
    dealt = {name for name, marks in tests.items() if "core" not in marks and {"slow", "samples"}.intersection(marks)}
    files = {name.partition("::")[0] for name in dealt}
    left_out = files.difference(sorted(files)[draw % PARTS :: PARTS])
    return {name for name in tests if name not in dealt or name.partition("::")[0] not in left_out}


def is_closed(room: str, config: pytest.Config) -> bool:
    """Whether in this run's draw the tests of that room open the warehouse for each look."""
    draw = config.getoption(OPTION)
    return draw is not None and room == ROOMS[draw % len(ROOMS)]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(OPTION, type=int, help="of the slow tests run the core and the files of this draw (a number)")


@pytest.hookimpl(trylast=True)  # when each has its markers, and -m has chosen
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    draw = config.getoption(OPTION)
    if draw is None:
        return
    names = drawn_of({item.nodeid: {mark.name for mark in item.iter_markers()} for item in items}, draw)
    drawn = [item for item in items if item.nodeid in names]
    config.stash[_COUNTED] = {"ran": len(drawn), "of": len(items)}
    config.hook.pytest_deselected(items=[*set(items).difference(drawn)])
    items[:] = drawn


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of xdist tells the process that started it."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None and _COUNTED in session.config.stash:
        output[_KEY] = session.config.stash[_COUNTED]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    if _KEY in getattr(node, "workeroutput", {}):
        node.config.stash[_COUNTED] = node.workeroutput[_KEY]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    draw, counted = config.getoption(OPTION), config.stash.get(_COUNTED, None)
    if draw is not None and counted is not None:
        said = f"draw {draw}: {counted['ran']} of {counted['of']} tests, the others in the next {PARTS - 1} draws"
        terminalreporter.write_line(said)
        REPORT.parent.mkdir(exist_ok=True)
        REPORT.write_text(f"{said}\n")


if __name__ == "__main__":
    print(draw_of(Path.cwd()) or "")
