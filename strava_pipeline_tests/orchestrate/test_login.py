"""What starts by itself starts nothing without a login, nor after the athlete took the access away; and says which."""

from datetime import UTC, datetime

import dagster as dg
import pytest

from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.strava.access import forget_revocation, note_revocation
from strava_pipeline.ingest.strava.oauth import token_store
from strava_pipeline.orchestrate.build import build_defs
from strava_pipeline.orchestrate.schedules import no_login
from strava_pipeline_tests.rig import Rig

ASKING = {
    *("daily_flow", "weekly_profile", "weekly_reconcile", "monthly_reconcile"),
    *("new_gear", "resume", "catch_up", "quarantine_retry"),
}
SUNDAY = datetime(2026, 3, 8, 4, 0, tzinfo=UTC)


def skipped(settings: Settings, instance: dg.DagsterInstance) -> dict[str, str]:
    """Every schedule and sensor that did nothing, with what it said."""
    defs = build_defs(settings)
    told = {}
    for schedule in defs.schedules or []:
        assert isinstance(schedule, dg.ScheduleDefinition)
        with dg.build_schedule_context(
            instance=instance, scheduled_execution_time=SUNDAY, repository_def=defs.get_repository_def()
        ) as context:
            told[schedule.name] = schedule.evaluate_tick(context).skip_message or ""
    for sensor in defs.sensors or []:
        if sensor.name in ASKING:
            with dg.build_sensor_context(instance=instance, definitions=defs, sensor_name=sensor.name) as looking:
                told[sensor.name] = sensor.evaluate_tick(looking).skip_message or ""
    return told


@pytest.mark.dear
def test_all_that_ask_strava_skip_and_say_why(rig: Rig) -> None:
    settings = rig.settings
    words = {"purge": "purge finishes it", "revoked": "access away on 2026-03-09", "none": "no login yet"}

    def telling(word: str) -> set[str]:
        with rig.instance() as instance:
            return {name for name, said in skipped(settings, instance).items() if words[word] in said}

    assert no_login(settings) is None
    assert telling("none") == telling("revoked") == set()
    rig.lake.purged.mkdir(parents=True)
    assert telling("purge") == ASKING
    rig.lake.purged.rmdir()
    note_revocation(settings, datetime(2026, 3, 9, tzinfo=UTC))
    assert telling("revoked") == ASKING
    token_store(settings).path.unlink()
    assert telling("revoked") == ASKING, "it is the more telling of the two"
    forget_revocation(settings)
    assert telling("none") == ASKING


def test_a_run_after_it_fails_with_the_words(rig: Rig) -> None:
    note_revocation(rig.settings, datetime(2026, 3, 9, tzinfo=UTC))
    with pytest.raises(Exception, match="strava-pipeline purge"):
        rig.run("flow")
    assert rig.calls()["total"] == 0
