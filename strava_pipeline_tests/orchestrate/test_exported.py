"""`exported_gold`: where EXPORT_URL is set every job that publishes ends with it, and elsewhere there is no such asset.

What is written is tested without Dagster, in lake/test_postgres.py.
"""

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from strava_pipeline.operations.exporting import EXPORTED, purge_exported
from strava_pipeline.verbs.purge import carry_out, plan_purge
from strava_pipeline_tests.patience import PATIENCE
from strava_pipeline_tests.postgres import PASSWORD, Server
from strava_pipeline_tests.rig import Make

pytestmark = pytest.mark.dear


def test_a_run_ends_with_the_export_and_the_next_one_writes_nothing(make_rig: Make, server: Server) -> None:
    url = server.new_database()
    rig = make_rig(settings={"export_url": url})
    first = rig.run("flow")
    assert first.metadata[EXPORTED]["rows_written"] > 1000
    with psycopg.connect(url) as connection:
        held = connection.execute("SELECT count(*), max(exported_for) FROM strava.activities").fetchone()
    assert held == (len(rig.truth()), rig.truth()[0]["athlete"]["id"]), "of all years, whichever the run is of"
    assert rig.run("compact").metadata[EXPORTED]["rows_written"] == 0
    logs = [path.read_text() for path in rig.settings.logs_dir.rglob("*") if path.is_file()]
    assert logs
    assert not [text for text in logs if PASSWORD in text or url in text]
    found = plan_purge(rig.settings, keep_access=True)
    assert found.report(deleted=False, access="")["exported_to"] == "strava"
    carry_out(rig.settings, found)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM strava.activities").fetchone() == (0,)
    assert found.left == []
    away = rig.settings.model_copy(update={"export_url": SecretStr(url.replace(str(server.folder), "/nowhere"))})
    (said,) = purge_exported(away, 5)
    assert "exported_for = 5. PostgreSQL (" in said
    assert "can't be reached" in said
    assert PASSWORD not in said


def test_without_the_setting_there_is_no_such_asset_and_nothing_of_it_is_imported(tmp_path: Path) -> None:
    foreign = ("psycopg", "celery", "prometheus_client")
    ours = ("strava_pipeline.lake.gold.postgres", "strava_pipeline.operations.exporting")
    program = (
        "import sys, strava_pipeline.definitions as made\n"
        "keys = [key.to_user_string() for key in made.defs.resolve_asset_graph().get_all_asset_keys()]\n"
        f"print({{*{foreign + ours}}} & sys.modules.keys(), 'insights' in keys, {EXPORTED!r} in keys)"
    )
    environment = {"PATH": os.environ["PATH"], "DAGSTER_HOME": str(tmp_path)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    assert (done.stdout, done.returncode) == ("set() True False\n", 0), done.stderr
