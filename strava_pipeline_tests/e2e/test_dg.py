"""Dagster's own command line, `dg`, in the checkout: what [tool.dg] in pyproject.toml tells it."""

import ast
import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from strava_pipeline_tests.e2e.dagster_dev import ROOT
from strava_pipeline_tests.processes import python, ran

pytestmark = pytest.mark.slow


def dg(tmp_path: Path, *words: str, cwd: Path = ROOT) -> str:
    """Type it in the checkout, with all folders elsewhere; what it printed."""
    folders = {f"STRAVA_{name}_DIR": str(tmp_path / name.lower()) for name in ("DATA", "SECRETS", "LOGS")}
    dg, homes = Path(sys.executable).with_name("dg"), dict.fromkeys(("HOME", "DAGSTER_HOME"), str(tmp_path))
    ended = ran(str(dg), *words, cwd=cwd, env={**os.environ, **folders, **homes, "PYTHONPATH": str(cwd)})
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


ASSETS = "from strava_pipeline.definitions import defs; print([s.key.to_user_string() for s in defs.resolve_all_asset_specs()])"


@pytest.mark.dear
def test_what_dg_scaffolds_in_a_checkout_is_in_the_graph_and_a_wheel_has_none_of_it(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    checkout = tmp_path / "checkout"
    shutil.copytree(
        ROOT / "strava_pipeline", checkout / "strava_pipeline", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy(ROOT / "pyproject.toml", checkout)

    def keys() -> set[str]:
        return {
            each["asset_key"] for each in json.loads(dg(tmp_path, "list", "defs", "--json", cwd=checkout))["assets"]
        }

    ours = keys()
    dg(tmp_path, "scaffold", "defs", "dagster.asset", "mine.py", cwd=checkout)
    dg(tmp_path, "scaffold", "defs", "strava_pipeline.component.Athlete", "ann", cwd=checkout)
    assert keys() - ours == {"mine", *(f"ann/{name}" for name in ours)}
    assert "strava_pipeline.component.Athlete" in dg(tmp_path, "list", "components", "--json", cwd=checkout)
    (checkout / "pyproject.toml").unlink()
    environment = {**os.environ, "PYTHONPATH": str(checkout), "HOME": str(tmp_path)}
    loaded = python("-c", ASSETS, cwd=tmp_path, env=environment)
    assert loaded.returncode == 0, loaded.stderr
    assert {*ast.literal_eval(loaded.stdout)} == ours


@pytest.mark.dear
def test_dg_finds_the_definitions_right_and_lists_them(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    assert "All definitions loaded successfully" in dg(tmp_path, "check", "defs")
    listed = json.loads(dg(tmp_path, "list", "defs", "--json"))
    source = {each["asset_key"]: each.get("source", "") for each in listed["assets"]}
    assert source["activities"].startswith("strava_pipeline/operations/gold_step.py:")
    assert {"bronze_files", "published_warehouse"} <= source.keys()
    assert "import_and_merge" in {each["name"] for each in listed["jobs"]}
