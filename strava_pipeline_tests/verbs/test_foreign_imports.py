"""Which libraries a command that only reads imports: a second of everybody's time each morning, so it is a law."""

import os
from pathlib import Path

import pytest

from strava_pipeline_tests.processes import python
from strava_pipeline_tests.rig import Rig

pytestmark = pytest.mark.dear

# all in one process, one after the other: what an earlier one imported is told as the earlier one's
RUN_EACH = """
import sys
from strava_pipeline.cli import main
heavy = {"dagster", "sqlalchemy", "alembic", "fitdecode", "lxml", "polars", "prometheus_client", "psycopg", "requests", "starlette", "tzfpy", "uvicorn"}
for line in sys.argv[1:]:
    sys.argv = ["strava-pipeline", *line.split()]
    try:
        main()
    except SystemExit:
        pass
    print("IMPORTED BY", line, sorted(heavy & sys.modules.keys()))
"""
IN_SQL = ("--help", "goals check", "insights", "report --html report.html")
IN_FRAMES = ("status", "plan", "plan 2020 --json", "matches list")  # they know Polars too
BY_ASKING = ("doctor",)  # asks the server for its certificate and time


def test_commands_that_only_read_import_neither_dagster_nor_what_reads_files(tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "STRAVA_BASE_URL": "http://127.0.0.1:9",  # nobody listens there; only doctor asks
        "STRAVA_CLIENT_ID": "1",
        "STRAVA_CLIENT_SECRET": "2",
        "DAGSTER_HOME": str(tmp_path / "dagster_home"),
    }
    said = python("-c", RUN_EACH, *IN_SQL, *IN_FRAMES, *BY_ASKING, cwd=tmp_path, env=environment, check=True)
    told = [line for line in said.stdout.splitlines() if line.startswith("IMPORTED BY")]
    assert told == [
        *(f"IMPORTED BY {command} []" for command in IN_SQL),
        *(f"IMPORTED BY {command} ['polars']" for command in IN_FRAMES),
        *(f"IMPORTED BY {command} ['polars', 'requests']" for command in BY_ASKING),
    ]


def test_flow_imports_nothing_of_copies_exports_metrics_and_several_machines(rig: Rig) -> None:
    """Nor of several athletes, where there is one, though every extra is installed."""
    code = "import sys; from strava_pipeline.cli import main; sys.argv[1:] = ['flow']\ntry: main()\nfinally: print(*sys.modules)"
    environment = {"PATH": os.environ["PATH"], **rig.settings.environ()}
    said = python("-c", code, cwd=rig.folder, env=environment, check=True)
    loaded = said.stdout.splitlines()[-1].split()
    ours = {"athletes", "ingest.shares", "ingest.restic", "operations.copying", "orchestrate.house", "verbs.metrics"}
    absent = {"celery", "dagster_celery", "prometheus_client", "psycopg", "redis"}
    assert {"dagster", "strava_pipeline.lake.gold.publish"} <= {*loaded}
    assert {*loaded} & (absent | {f"strava_pipeline.{name}" for name in ours}) == set()
    assert rig.one("SELECT count(*) FROM activities") > 0
