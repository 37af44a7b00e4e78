"""What fast tests may cost, judged in the run that `make test` is: CPU seconds by module, as multiples of `import dagster`.

That import is the yardstick, because it is slow where the machine is. A call may take `CALL` of it in the mean, the set-ups of a module
`SETUPS` in one process. dear_modules.txt names the modules that take more. It may only shrink: another one that takes `SLACK` times as much
makes the run red, and what has become cheap is named, to be taken off.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from strava_pipeline_tests.processes import python

OPTION = "--cost"
CALL, SETUPS, SLACK = 0.2, 2.0, 2.0
ROOT = Path(__file__).parent
_KEY = "cost"


class Cost(NamedTuple):
    """CPU seconds of a module's set-ups in one process, of its calls, and how many of these there were."""

    setups: float = 0.0
    calls: float = 0.0
    tests: int = 0

    def of(self, yardstick: float) -> float:
        """How many times as much as it may; `yardstick`: CPU seconds."""
        return max(self.calls / max(self.tests, 1) / (CALL * yardstick), self.setups / (SETUPS * yardstick))


def judged(costs: Mapping[str, Cost], yardstick: float, over: frozenset[str]) -> tuple[list[str], list[str]]:
    """The modules that are too expensive and are not in `over`, and those in it that need not be."""
    times = {module: cost.of(yardstick) for module, cost in costs.items()}
    dear = [
        f"{module} costs {times[module]:.1f} times what it may"
        for module in sorted({*times} - over)
        if times[module] > SLACK
    ]
    return dear, [module for module in sorted(over & {*times}) if times[module] < 1 / SLACK]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(OPTION, action="store_true", help="judge what the modules cost")


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
        module = str(item.path.relative_to(ROOT))
        known = self.costs.get(module, Cost())
        self.costs[module] = Cost(known.setups + cost.setups, known.calls + cost.calls, known.tests + cost.tests)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        for module, (setups, calls, tests) in getattr(node, "workeroutput", {}).get(_KEY, {}).items():
            known = self.costs.get(module, Cost())
            self.costs[module] = Cost(max(setups, known.setups), calls + known.calls, tests + known.tests)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if "PYTEST_XDIST_WORKER" in os.environ:
            session.config.workeroutput[_KEY] = {module: [*cost] for module, cost in self.costs.items()}  # type: ignore[attr-defined]
            return
        self.dear, self.cheap = judged(
            self.costs, _yardstick(), frozenset((ROOT / "dear_modules.txt").read_text().splitlines())
        )
        if self.dear and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        for line in (
            *self.dear,
            *(f"{module} has become cheap: take it off dear_modules.txt" for module in self.cheap),
        ):
            terminalreporter.write_line(line)


def _cpu() -> float:
    """CPU seconds of this process, and of those that it started and that are over."""
    return sum(os.times()[:4])


def _yardstick() -> float:
    begun = _cpu()
    python("-c", "import dagster", check=True)
    return _cpu() - begun
