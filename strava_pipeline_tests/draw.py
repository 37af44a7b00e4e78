"""What a landing runs: every fast test, the slow ones marked `core`, and the other slow ones of one in thirteen files.

`core` has what loses or falsifies data, and what asks every route, so that a new one is looked at in all ways when it lands.

    python -m strava_pipeline_tests.draw        prints the draw of this commit: a number, or nothing where everything is to run
    pytest --draw=1234                          runs what that draw says, with the sign of equality

The draw is the number of commits, so that thirteen numbers in turn run everything; in a shallow checkout, which can't count them, it is the
commit's hash. A release runs everything. The slow tests of a file are drawn together, since they share what is set up. In the tests of one of
`ROOMS`, drawn by the same number, the warehouse is opened for each look, as processes do: see open_once.py.
"""

from collections.abc import Collection, Mapping
from pathlib import Path

import pytest

from strava_pipeline_tests.processes import ran

PARTS = 13  # a prime number: landings of several commits each come to all parts, too
OPTION = "--draw"
# whose tests open warehouses
ROOMS = ("ingest", "lake", "operations", "orchestrate", "providers", "serve", "trips", "verbs")


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
    config.hook.pytest_deselected(items=[*set(items).difference(drawn)])
    items[:] = drawn


if __name__ == "__main__":
    print(draw_of(Path.cwd()) or "")
