"""Runs tests; one or two that failed run once more, alone. What passes then is flaky: it is named last, and the run is green.

    python -m strava_pipeline_tests.rerun -m slow -n 3      (everything after the module's name is for pytest)

The run is red where three or more tests failed, where a test failed twice or did not run the second time, and after whatever is not a
failed test: an error while collecting, a worker that crashed, an interruption. The first half of this file is the program, the second
half a pytest plugin that writes down what became of each test.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest

MOST = 2  # failed tests of a run that may be hiccups of a busy machine; three are a fault
OPTION = "--outcomes"
REPORT = Path(".pytest_cache/flaky.txt")  # what the last run said of flaky tests, where there were any
ALONE = ("-n", "0", "-m", "")  # in one process, whatever marker the tests have


@dataclass
class Outcomes:
    """What pytest showed of the tests that passed and failed, by node id, and what broke that was not a test."""

    passed: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)


def main(arguments: Sequence[str]) -> int:
    """Run pytest, and again what failed if it may have been a hiccup.

    Returns:
        pytest's exit code; 0 also where everything that failed has passed alone.
    """
    REPORT.unlink(missing_ok=True)
    code, first = run(arguments)
    if code != pytest.ExitCode.TESTS_FAILED or first.broken or not 0 < len(first.failed) <= MOST:
        return code
    print(f"\n{len(first.failed)} failed; once more, alone:", flush=True)
    again, second = run([*ALONE, *first.failed])
    if again != pytest.ExitCode.OK or second.passed.keys() != first.failed.keys():
        return code
    report = "".join(
        f"\n=== {name}\n--- failed:\n{shown}\n--- passed alone:\n{second.passed[name] or 'without output'}\n"
        for name, shown in first.failed.items()
    )
    report += f"\nGreen, but flaky, for they failed and then passed alone: {', '.join(first.failed)}"
    print(report, flush=True)
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(f"{report}\n")
    return 0


def run(arguments: Sequence[str]) -> tuple[int, Outcomes]:
    """A pytest of its own with these arguments: its exit code and what became of the tests."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "outcomes.json"
        command = [sys.executable, "-m", "pytest", "-p", "strava_pipeline_tests.rerun", OPTION, str(file), *arguments]
        code = subprocess.run(command, check=False).returncode
        if not file.exists():
            return code or 1, Outcomes(broken=["pytest ended before it could say how"])
        return code, Outcomes(**json.loads(file.read_text()))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(OPTION, type=Path, help="write what became of each test to this file, as JSON")


def pytest_configure(config: pytest.Config) -> None:
    file = config.getoption(OPTION)
    if file is not None and not hasattr(config, "workerinput"):  # xdist's workers hand their reports to this process
        config.pluginmanager.register(Recorder(file))


class Recorder:
    """Writes the outcomes when the session ends."""

    def __init__(self, file: Path) -> None:
        self.file, self.found = file, Outcomes()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        shown = "\n".join([f"{title}\n{text.rstrip()}" for title, text in report.sections])
        if report.failed:  # in its set-up, itself, or after it
            before = self.found.failed.get(report.nodeid, "")
            self.found.failed[report.nodeid] = f"{before}{report.longreprtext}\n{shown}"
        elif report.passed and report.when == "call":
            self.found.passed[report.nodeid] = shown

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.found.broken.append(f"{report.nodeid} could not be collected")

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        if error:
            self.found.broken.append(f"the worker {node.gateway.id} went down: {error}")

    def pytest_internalerror(self, excrepr: object) -> None:
        self.found.broken.append(str(excrepr))

    def pytest_sessionfinish(self) -> None:
        self.file.write_text(json.dumps(asdict(self.found)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
