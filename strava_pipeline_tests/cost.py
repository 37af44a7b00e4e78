"""What tests cost in CPU seconds, as multiples of `import dagster`: that import is the yardstick, because it is slow where the machine is.

A call of a fast test may take `CALL` of it in the mean of its module, the set-ups of a module `SETUPS` in one process. dear_tests.txt names the
tests that take more than such a call, which makes them slow, and the modules that still take more without them. With `--cost`, as in `make
test`, another module that takes `SLACK` times as much makes the run red. Not a test: the first in a process pays for what others use, too.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from strava_pipeline_tests.processes import python

OPTION = "--cost"
CALL, SETUPS, SLACK = 0.2, 2.0, 2.0
ROOT = Path(__file__).parent
DEAR = frozenset(line for line in (ROOT / "dear_tests.txt").read_text().splitlines() if not line.startswith("#"))
_KEY = "cost"


class Cost(NamedTuple):
    """CPU seconds of a module's set-ups in one process, of its calls, and how many of these there were."""

    setups: float = 0.0
    calls: float = 0.0
    tests: int = 0

    def of(self, yardstick: float) -> float:
        """How many times as much as it may; `yardstick`: CPU seconds."""
        return max(self.calls / max(self.tests, 1) / (CALL * yardstick), self.setups / (SETUPS * yardstick))


def judged(costs: Mapping[str, Cost], yardstick: float, named: frozenset[str]) -> tuple[list[str], list[str]]:
    """The modules that are too expensive and are not in `named`, and those in it that need not be."""
    times = {name: cost.of(yardstick) for name, cost in costs.items()}
    dear = [
        f"{name} costs {times[name]:.1f} times what it may" for name in sorted({*times} - named) if times[name] > SLACK
    ]
    return dear, [name for name in sorted(named & {*times}) if times[name] < 1 / SLACK]


def name_of(item: pytest.Item) -> str:
    """A test's name in dear_tests.txt: its module, its class and its function."""
    return f"{item.path.relative_to(ROOT)}::{item.nodeid.partition('[')[0].partition('::')[2]}"


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    for item in items:
        if name_of(item) in DEAR:
            item.add_marker(pytest.mark.slow)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(OPTION, action="store_true", help="judge what the tests cost")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption(OPTION):
        config.pluginmanager.register(Meter())


class Meter:
    """Measures in each process of xdist; the one that started them judges."""

    def __init__(self) -> None:
        self.costs: dict[str, Cost] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Iterator[None]:
        begun = _cpu()
        yield
        self._add(item, Cost(setups=_cpu() - begun))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        begun = _cpu()
        yield
        self._add(item, Cost(calls=_cpu() - begun, tests=1))

    def _add(self, item: pytest.Item, cost: Cost) -> None:
        if item.get_closest_marker("slow") is None:
            name = str(item.path.relative_to(ROOT))
            known = self.costs.get(name, Cost())
            self.costs[name] = Cost(known.setups + cost.setups, known.calls + cost.calls, known.tests + cost.tests)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        for name, (setups, calls, tests) in getattr(node, "workeroutput", {}).get(_KEY, {}).items():
            known = self.costs.get(name, Cost())
            self.costs[name] = Cost(max(setups, known.setups), calls + known.calls, tests + known.tests)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if "PYTEST_XDIST_WORKER" in os.environ:
            session.config.workeroutput[_KEY] = {name: [*cost] for name, cost in self.costs.items()}  # type: ignore[attr-defined]
            return
        self.dear, self.cheap = judged(self.costs, _yardstick(), DEAR)
        if self.dear and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        for line in (
            *self.dear,
            *(f"{name} has become cheap: take it off dear_tests.txt" for name in self.cheap),
        ):
            terminalreporter.write_line(line)


def _cpu() -> float:
    """CPU seconds of this process, and of those that it started and that are over."""
    return sum(os.times()[:4])


def _yardstick() -> float:
    begun = _cpu()
    python("-c", "import dagster", check=True)
    return _cpu() - begun
