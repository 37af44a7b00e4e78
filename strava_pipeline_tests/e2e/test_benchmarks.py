"""The benchmarks run: what they measure is for people to read, that they still do is for a test."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import dashboard
from strava_pipeline.core.systems import parts
from strava_pipeline_tests.e2e.dagster_dev import ROOT

STAGES = {"listing", "shards", "merge_summaries", "details", "merge_details", "publish"}


@pytest.mark.soak(part="calendar")
def test_every_page_is_measured_beside_its_queries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHBOARD_ADDRESS", "127.0.0.1:8723")
    measured = dashboard.measure(tmp_path, 20)
    assert all(cost.cold > 0 and cost.warm > 0 for cost in measured.pages.values())
    assert [path for path, cost in measured.pages.items() if not cost.queries] == ["/backfill"]
    assert {path for path, cost in measured.pages.items() if cost.again is None} == {
        "/",
        "/month/2025-05",
        "/providers",
        "/settings",
        "/backfill",
    }
    assert 0 < measured.idle_mb <= measured.after_mb
    assert measured.first_ms > 0


@pytest.mark.soak(part="calendar")  # `make types` sees a name that is gone; forty processes see the rest
def test_every_stage_is_measured_beside_its_floor() -> None:
    subjects = {
        "files": 3, "insights": 50, "matching": 20, "providers": 40, "tracks": 3, "comparing": 20, "exporting": 20,
    }  # fmt: skip
    systems = parts("benchmark", "strava_pipeline_tests.trips")
    subjects |= {system.NAME: 30 for system in systems}
    chosen = [word for name, count in subjects.items() for word in (f"--{name}", str(count))]
    # no whole runs: other tests live through enough of them; and of the services one, which has a floor of its own
    whole = ["--stages", "--memory", "--pages", "--sources", "spreadsheet"]
    command = [sys.executable, "-m", "benchmarks", "40", "--rounds", "1", "--intake", "3", "--json", *chosen, *whole]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert said.returncode == 0, said.stderr
    told = json.loads(said.stdout)
    (size,) = told["sizes"]
    assert size["activities"] == 40
    assert size["product"].keys() >= STAGES <= size["floor"].keys()
    assert size["product"]["details"]["calls"] == 40
    files = told["files"]["3"]
    assert {stage: each["calls"] for stage, each in files.items()} == {"floor": 3, "land": 3, "read": 3, "again": 3}
    for system in systems:
        counted = {stage: figures["calls"] for stage, figures in told[system.NAME]["30"].items()}
        assert counted == dict.fromkeys(("floor", *system.STAGES), 30)
    for side, posted in told["intake"].items():
        assert (posted["posted"], posted["acknowledged"]) == (1500, 1500), side
    assert (told["intake"]["intake"]["kept"], told["intake"]["intake"]["lost"]) == (1500, 0)
    matching = told["matching"]["20"]
    assert {stage: figures["calls"] for stage, figures in matching.items()} == {"floor": 20, "match": 20, "again": 20}
    for name, stages in told["providers"]["40"].items():
        assert 0 < stages["listing"]["calls"] <= stages["shards"]["calls"], name
        assert all(figures["of_strava"] > 0 for figures in stages.values()), name
    assert told["providers"]["40"].keys() == {"strava", "spreadsheet"}
    of_table = told["providers"]["40"]["spreadsheet"]
    assert of_table["workbook"]["calls"] == of_table["listing"]["calls"], "the floor reads every row"
    assert told["comparing"]["20"].keys() == {"floor", "month", "months", "everything"}
    assert {figures["calls"] for figures in told["exporting"]["20"].values()} == {20, 21}
    tracks = told["tracks"]["3"]
    assert {stage: figures["calls"] for stage, figures in tracks.items()} == {"floor": 3, "measure": 3, "one_more": 1}
    insights = told["insights"]["50"]
    assert {stage: figures["calls"] for stage, figures in insights.items()} == {
        "floor": 50,
        "files": 50,
        "one_more": 51,
        "views": 51,
    }
