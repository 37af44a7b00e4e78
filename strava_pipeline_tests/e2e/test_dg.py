"""Dagster's own command line, `dg`, in the checkout: what [tool.dg] in pyproject.toml tells it."""

import json
import os
import sys
from pathlib import Path

import pytest

from strava_pipeline_tests.e2e.dagster_dev import ROOT
from strava_pipeline_tests.processes import ran

pytestmark = pytest.mark.slow


def dg(tmp_path: Path, *words: str) -> str:
    """Type it in the checkout, with all folders elsewhere; what it printed."""
    folders = {f"STRAVA_{name}_DIR": str(tmp_path / name.lower()) for name in ("DATA", "SECRETS", "LOGS")}
    dg, homes = Path(sys.executable).with_name("dg"), dict.fromkeys(("HOME", "DAGSTER_HOME"), str(tmp_path))
    ended = ran(str(dg), *words, cwd=ROOT, env={**os.environ, **folders, **homes})
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.dear
def test_dg_finds_the_definitions_right_and_lists_them(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    assert "All definitions loaded successfully" in dg(tmp_path, "check", "defs")
    listed = json.loads(dg(tmp_path, "list", "defs", "--json"))
    source = {each["asset_key"]: each.get("source", "") for each in listed["assets"]}
    assert source["activities"].startswith("strava_pipeline/orchestrate/assets/gold.py:")
    assert {"bronze_files", "published_warehouse"} <= source.keys()
    assert "import_and_merge" in {each["name"] for each in listed["jobs"]}
