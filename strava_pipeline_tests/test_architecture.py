"""The laws of the layout: rooms import in one direction, files and functions stay small, every module says what it is."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "strava_pipeline"
MODULES = sorted(PACKAGE.rglob("*.py"))


def test_import_contracts_hold() -> None:
    found = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_is_small_and_says_what_it_holds(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "no docstring"
    assert len(path.read_text().splitlines()) <= 300
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            held = (node.end_lineno or 0) - node.lineno + 1
            nested = sum(
                (inner.end_lineno or 0) - inner.lineno + 1
                for inner in ast.walk(node)
                if inner is not node and isinstance(inner, ast.FunctionDef)
            )
            assert held - nested <= 50, f"{node.name} has {held - nested} lines"


def test_only_settings_reads_the_environment() -> None:
    readers = {
        str(path.relative_to(PACKAGE))
        for path in MODULES
        if any(
            isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
            for node in ast.walk(ast.parse(path.read_text()))
        )
    }
    # who starts Dagster hands its own environment on to it; settings.environ() is a method
    assert readers <= {"settings.py", "verbs/dagster_process.py"}


def test_sql_is_written_in_sql_files() -> None:
    """Statements that change data stand in lake/sql/; what stands in code is a look or a session's setting."""
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not node.value.startswith(
                    ("MERGE ", "INSERT INTO activ", "DELETE FROM activ", "UPDATE activ")
                ), path


def test_the_committed_instance_configuration_is_the_packages_own() -> None:
    assert (ROOT / "dagster_home" / "dagster.yaml").read_text() == (
        PACKAGE / "orchestrate" / "dagster.yaml"
    ).read_text()


def test_the_committed_workspace_is_the_packages_own() -> None:
    assert (ROOT / "workspace.yaml").read_text() == (PACKAGE / "orchestrate" / "workspace.yaml").read_text()
