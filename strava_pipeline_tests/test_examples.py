"""examples/: the notebook and the dbt project run on a published warehouse and say what it says."""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from strava_pipeline.lake.gold.publish import publish, snapshot
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.insight_rows import activity, many, put

EXAMPLES = Path(__file__).parent.parent / "examples"
DBT = Path(sys.prefix) / "dbt" / "bin" / "dbt"
NOTEBOOK = """
import json, runpy, sys
_, found = runpy.run_path(sys.argv[1])["app"].run()
print(json.dumps({name: found[name] for name in ("years", "pace", "gear")}, default=str))
"""


@pytest.fixture(scope="module")
def gold(new_lake: Any, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake: Lake = new_lake(tmp_path_factory.mktemp("examples") / "data")
    runs = [activity(1000 + n, f"2023-0{n}-04", sport_type="Run", distance=10_000.0) for n in (1, 2)]
    after_a_gap = activity(1003, "2026-02-04", sport_type="Run", distance=10_000.0)
    put(lake, [*many(80), *runs, after_a_gap])
    publish(lake)
    return lake


def run(gold: Lake, *command: str, cwd: Path, **environment: str) -> str:
    env = {**os.environ, "STRAVA_DATA_DIR": str(gold.data_dir), "HOME": str(cwd), **environment}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_sources_of_dbt_are_what_the_catalogue_says() -> None:
    made = runpy.run_path(str(EXAMPLES / "dbt" / "make_sources.py"))
    assert made["FILE"].read_text(encoding="utf-8") == made["sources"](), "run `make docs`"


@pytest.mark.dear
def test_the_notebook_shows_years_pace_and_gear(gold: Lake, tmp_path: Path) -> None:
    found = json.loads(run(gold, sys.executable, "-c", NOTEBOOK, str(EXAMPLES / "notebook.py"), cwd=tmp_path))
    assert {"month": "2023-02-01 00:00:00", "runs": 1, "km": 10.0, "minutes_per_km": 6.0} in found["pace"]
    with snapshot(gold) as here:
        of_most = "SELECT sport_group FROM totals_by_year GROUP BY 1 ORDER BY sum(moving_time_seconds) DESC LIMIT 1"
        query = f"SELECT sum(activities)::BIGINT FROM totals_by_year WHERE sport_group = ({of_most})"
        assert [(sum(row["activities"] for row in found["years"]),)] == here.execute(query).fetchall()
        assert len(found["gear"]) == here.execute("SELECT count(*) FROM gear_mileage").fetchall()[0][0] > 0


@pytest.mark.slow
def test_dbt_builds_its_models_and_all_its_tests_hold(gold: Lake, tmp_path: Path) -> None:
    if not DBT.exists():
        refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        refuse(f"there is no dbt in {DBT.parent.parent}: `make dbt` installs it")
    folders = {
        "DBT_FILE": str(tmp_path / "mine.duckdb"),
        "DBT_TARGET_PATH": str(tmp_path),
        "DBT_LOG_PATH": str(tmp_path),
    }
    said = run(gold, str(DBT), "build", "--profiles-dir", ".", cwd=EXAMPLES / "dbt", **folders)
    assert "PASS=10 WARN=0 ERROR=0" in said
    with duckdb.connect(folders["DBT_FILE"]) as made, snapshot(gold) as here:
        ours = "SELECT sum(activities)::BIGINT FROM totals_by_month"
        assert made.execute("SELECT sum(activities)::BIGINT FROM months").fetchall() == here.execute(ours).fetchall()
