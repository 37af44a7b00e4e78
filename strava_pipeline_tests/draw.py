"""What a landing runs: every test, but of those marked `dear` only the ones of one file in four.

    python -m strava_pipeline_tests.draw        prints the draw of this commit: 0 to 3, or nothing where everything is to run
    pytest --draw=2                             runs what that draw says, with the sign of equality

The draw is the hash of the tree that lands: the same content draws the same, in a shallow checkout, too (docs/adr/0113). A release runs everything.
The dear tests of a file are drawn together, since they share what is set up. In the tests of two of `ROOMS`, drawn by the same number,
the warehouse is opened for each look, as processes do: see open_once.py.
"""

from pathlib import Path

import pytest

from strava_pipeline_tests.processes import ran

PARTS = 4
OPTION = "--draw"
# whose tests open warehouses
ROOMS = ("ingest", "lake", "lookups", "operations", "orchestrate", "providers", "serve", "trips", "verbs")


def draw_of(repository: Path) -> int | None:
    """The draw of the commit that is checked out there; None: everything runs."""

    def git(*arguments: str) -> str:
        return ran("git", *arguments, cwd=repository, check=True).stdout.strip()

    if git("tag", "--points-at", "HEAD", "v*"):
        return None
    return int(git("rev-parse", "HEAD^{tree}"), 16) % PARTS


def left_out(dear: list[str], draw: int) -> set[str]:
    """Which of the dear tests, by node id, that draw leaves out. Files are dealt by name, so that each draw has some of each room."""
    files = sorted({name.partition("::")[0] for name in dear})
    drawn = {*files[draw % PARTS :: PARTS]}
    return {name for name in dear if name.partition("::")[0] not in drawn}


def is_closed(room: str, config: pytest.Config) -> bool:
    """Whether in this run's draw the tests of that room open the warehouse for each look."""
    draw = config.getoption(OPTION)
    return draw is not None and room in ROOMS[draw % PARTS :: PARTS]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(OPTION, type=int, help="of the dear tests run those of this draw (0 to 3)")


@pytest.hookimpl(trylast=True)  # when -m has chosen
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    draw = config.getoption(OPTION)
    if draw is None:
        return
    names = left_out([item.nodeid for item in items if item.get_closest_marker("dear")], draw)
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid in names])
    items[:] = [item for item in items if item.nodeid not in names]


if __name__ == "__main__":
    draw = draw_of(Path.cwd())
    print("" if draw is None else draw)
