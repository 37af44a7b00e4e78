"""The same rows and tracks come to the same tables, views and files, whatever their order and the machine's cores."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from strava_pipeline_tests.e2e.dagster_dev import ROOT

BUILT = (
    "bests",
    "activity_load",
    "track_ways",
    "totals_by_month",
    "device_agreement",
    "gear_mileage",
    "routes",
    "pair_agreements",
)


@pytest.mark.slow
def test_what_is_built_three_times_is_the_same(tmp_path: Path) -> None:
    found = []
    for seed, threads in (("1", "1"), ("2", "2"), ("3", "8")):
        environment = os.environ | {"POLARS_MAX_THREADS": threads, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-m", "strava_pipeline_tests.lake.built", str(tmp_path / seed), seed]
        built = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=600
        )
        found.append(json.loads(built.stdout))
    one, *others = found
    assert all(any(name in each for each in one) for name in BUILT)
    assert [[name for name in one if one[name] != other.get(name)] for other in others] == [[], []]
    assert min(rows for rows, _ in (one[f'"{name}"'] for name in ("routes", "device_agreement", "track_bests"))) > 0
