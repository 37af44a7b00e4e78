"""`exported_gold`: where EXPORT_URL is set every job that publishes ends with it, and elsewhere there is no such asset.

What is written is tested without Dagster, in lake/test_postgres.py.
"""

from collections.abc import Callable

import psycopg
from pydantic import SecretStr

from strava_pipeline.operations.exporting import EXPORTED, purge_exported
from strava_pipeline.verbs.purge import carry_out, plan_purge
from strava_pipeline_tests.postgres import PASSWORD, Server
from strava_pipeline_tests.rig import Rig


def test_a_run_ends_with_the_export_and_the_next_one_writes_nothing(
    make_rig: Callable[..., Rig], server: Server
) -> None:
    url = server.new_database()
    rig = make_rig(settings={"export_url": url})
    first = rig.run("flow")
    assert first.metadata[EXPORTED]["rows_written"] == first.metadata[EXPORTED]["dagster/row_count"] > 30
    with psycopg.connect(url) as connection:
        held = connection.execute("SELECT count(*), max(exported_for) FROM strava.activities").fetchone()
    assert held == (len(rig.truth()), rig.truth()[0]["athlete"]["id"]), "of all years, whichever the run is of"
    assert rig.run("compact").metadata[EXPORTED]["rows_written"] == 0
    logs = [path.read_text() for path in rig.settings.logs_dir.rglob("*") if path.is_file()]
    assert logs
    assert not [text for text in logs if PASSWORD in text or url in text]
    found = plan_purge(rig.settings, keep_access=True)
    carry_out(rig.settings, found)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM strava.activities").fetchone() == (0,)
    assert found.left == []
    away = rig.settings.model_copy(update={"export_url": SecretStr(url.replace(str(server.folder), "/nowhere"))})
    (said,) = purge_exported(away, 5)
    assert "exported_for = 5. PostgreSQL (" in said
    assert "can't be reached" in said
    assert PASSWORD not in said


def test_there_is_no_such_asset_where_nobody_asked_for_it(rig: Rig) -> None:
    assert EXPORTED not in rig.run("compact").metadata
