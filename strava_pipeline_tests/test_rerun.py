"""One hiccup is not a red run; everything else that goes wrong is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from strava_pipeline_tests.rerun import REPORT

pytestmark = pytest.mark.slow  # starts processes

ROOT = Path(__file__).resolve().parent.parent
BEGIN = """
import os, pathlib, pytest

def is_first(name):
    try:
        pathlib.Path(name).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True

def test_passes():
    pass
"""
FLAKY = """
def test_flaky_{0}():
    print("output of {0}")
    assert not is_first("{0}"), "hiccup of {0}"
"""
WRONG = """
def test_wrong():
    assert 1 == 2
"""
TEARDOWN = """
@pytest.fixture
def odd():
    yield
    assert not is_first("odd")

def test_ends_badly_once(odd):
    pass
"""
SKIPPED = """
def test_skipped_when_alone():
    if not is_first("skipped"):
        pytest.skip("not this time")
    assert 1 == 2
"""
CRASH = """
def test_takes_its_worker_down():
    if is_first("crash"):
        os._exit(3)
"""
INTERRUPT = """
def test_is_interrupted():
    if is_first("interrupt"):
        raise KeyboardInterrupt
"""
ONE, TWO, THREE = (FLAKY.format(name) for name in ("one", "two", "three"))


def rerun(folder: Path, *sources: str, workers: int = 0) -> tuple[int, str]:
    """Tests of these sources, a file each: how the run ended, and its output."""
    for number, source in enumerate(sources):
        (folder / f"test_{number}.py").write_text(BEGIN + source)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = -q -p xdist\n")
    done = subprocess.run(
        [sys.executable, "-m", "strava_pipeline_tests.rerun", "-n", str(workers)],
        cwd=folder,
        # other plugins take a second of each process to import
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("workers", [0, 2])
def test_two_that_pass_alone_are_named_last_with_what_they_showed_both_times(tmp_path: Path, workers: int) -> None:
    code, output = rerun(tmp_path, ONE, TWO, workers=workers)
    assert code == 0, output
    last = output.rstrip().rpartition("\n")[2]
    assert last.startswith("Green, but flaky")
    assert output.endswith((tmp_path / REPORT).read_text())
    told = output.partition("passed in")[2]
    for number, name in enumerate(("one", "two")):
        assert f"test_{number}.py::test_flaky_{name}" in last
        of_it = told.partition(f"=== test_{number}.py")[2].partition("===")[0]
        failed, _, passed = of_it.partition("--- passed alone:")
        assert f"hiccup of {name}" in failed
        assert f"output of {name}" in failed
        assert f"output of {name}" in passed


def test_what_goes_wrong_while_a_test_is_cleaned_up_is_a_hiccup_too(tmp_path: Path) -> None:
    code, output = rerun(tmp_path, TEARDOWN)
    assert (code, "test_0.py::test_ends_badly_once" in output.rstrip().rpartition("\n")[2]) == (0, True)


def test_where_all_is_well_nothing_runs_twice(tmp_path: Path) -> None:
    (tmp_path / REPORT.parent).mkdir()
    (tmp_path / REPORT).write_text("of an earlier run")
    code, output = rerun(tmp_path, "")
    assert (code, "once more" in output, "flaky" in output) == (0, False, False)
    assert not (tmp_path / REPORT).exists()


@pytest.mark.parametrize(
    ("workers", "sources", "again"),
    [
        pytest.param(0, [WRONG], True, id="fails twice"),
        pytest.param(0, [ONE, WRONG], True, id="one of two fails twice"),
        pytest.param(0, [SKIPPED], True, id="skipped the second time"),
        pytest.param(0, [ONE, TWO, THREE], False, id="three failed"),
        pytest.param(2, [ONE, "import nowhere_to_be_found"], False, id="not collected"),
        pytest.param(2, [CRASH], False, id="a worker crashed"),
        pytest.param(2, [CRASH, ONE], False, id="a worker crashed and a test failed"),
        pytest.param(0, [ONE, INTERRUPT], False, id="interrupted"),
        pytest.param(0, [CRASH], False, id="the only process crashed"),
    ],
)
def test_everything_else_is_red(tmp_path: Path, workers: int, sources: list[str], again: bool) -> None:
    code, output = rerun(tmp_path, *sources, workers=workers)
    assert code != 0, output
    assert ("once more" in output, "flaky, for" in output) == (again, False)
    assert "rerun.py" not in output, "no error of its own"


def test_a_run_without_tests_is_red(tmp_path: Path) -> None:
    assert rerun(tmp_path)[0] == pytest.ExitCode.NO_TESTS_COLLECTED
