"""Webhooks of services besides Strava as whole runs: what the sensors start, and `webhooks drain`. Each service has runs of its own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from strava_pipeline.core.deliveries import intake_path
from strava_pipeline.ingest.webhook_secrets import senders
from strava_pipeline.orchestrate.sensors.inbox import webhooks_sensor
from strava_pipeline.serve.app import create_app
from strava_pipeline.serve.server import serving
from strava_pipeline_tests.patience import PATIENCE
from strava_pipeline_tests.providers.subjects import SUBJECTS
from strava_pipeline_tests.rig import Rig, definitions
from strava_pipeline_tests.verbs.conftest import Type

pytestmark = pytest.mark.slow

NAMES = ("intervals_icu", "ridewithgps")
TypeOn = Callable[[Rig], Type]


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    with ExitStack() as running:
        yield {name: running.enter_context(SUBJECTS[name](monkeypatch)) for name in NAMES}


@pytest.fixture
def rig(make_rig: Any, services: dict[str, Any], tmp_path: Path) -> Rig:
    (tmp_path / "providers.toml").write_text("".join(f"[providers.{name}]\nenabled = true\n" for name in NAMES))
    own = {name: value for subject in services.values() for name, value in subject.settings.items()}
    made: Rig = make_rig(
        settings={"providers_config": tmp_path / "providers.toml", "first_year": 2024, "pauses": 0, **own}
    )
    return made


def change(rig: Rig, services: dict[str, Any], title: str) -> None:
    """Edit the first activity of each service, whose deliveries come in."""
    taken = senders(rig.settings)
    app = create_app(rig.lake, say=lambda line: None, now=lambda: datetime.now(UTC), senders=taken)
    with serving(app) as url:
        for name, subject in services.items():
            subject.subscriber.callback = f"{url}{intake_path(name)}"
            subject.edit(subject.first, f"{title} {name}")
            assert subject.subscriber.deliveries.idle(PATIENCE)
            subject.subscriber.callback = None


def tick(rig: Rig, name: str) -> tuple[dg.RunRequest | None, str]:
    jobs = [*(definitions(rig.settings).jobs or ())]
    sensor = webhooks_sensor(rig.settings, [name], jobs, dg.DefaultSensorStatus.STOPPED, lambda: datetime.now(UTC))
    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_sensor_context(instance=instance, definitions=definitions(rig.settings)) as context,
    ):
        found = sensor.evaluate_tick(context)
        asked = [*(found.run_requests or ())]
        if asked:
            job = definitions(rig.settings).resolve_job_def(asked[0].job_name or "")
            job.execute_in_process(run_config=asked[0].run_config, tags=asked[0].tags, instance=instance)
    return (asked[0] if asked else None), found.skip_message or ""


def named(rig: Rig) -> list[str]:
    query = "SELECT name FROM activities WHERE name LIKE '%ridewithgps' OR name LIKE '%intervals_icu' ORDER BY name"
    return [name for (name,) in rig.gold(query)]


@pytest.mark.dear
def test_a_change_is_published_by_a_run_of_its_own_service_and_one_that_fails_keeps_no_other_waiting(
    rig: Rig, services: dict[str, Any], type_on: TypeOn
) -> None:
    typed = type_on(rig)
    for subject in services.values():
        subject.first = subject.add("2025-01-01" if subject.name == NAMES[0] else "2025-06-01", "ride")
    assert typed("providers", "pull", "--all").code == 0
    assert tick(rig, NAMES[0]) == (None, "intervals.icu: no event ever came.")
    change(rig, services, "first")
    asked, why = tick(rig, NAMES[0])
    assert asked is not None, why
    assert named(rig) == ["first intervals_icu"]
    assert tick(rig, NAMES[0])[1] == "intervals.icu: every event was followed, or waits for its time."
    said = typed("webhooks", "drain")
    assert said.code == 0, said.err
    assert named(rig) == ["first intervals_icu", "first ridewithgps"]
    change(rig, services, "second")
    services[NAMES[0]].fail(path="/", exact=False, kind="status", status=401, times=99)
    said = typed("webhooks", "drain")
    assert (said.code, "does not accept the login" in said.err) == (1, True)
    assert named(rig) == ["first intervals_icu", "second ridewithgps"]
    services[NAMES[0]].faults.clear()
    assert typed("webhooks", "drain").code == 0
    assert named(rig) == ["second intervals_icu", "second ridewithgps"]
    assert "Every event was followed" in typed("webhooks", "drain").out
    said = typed("status")
    assert said.out.count(" events ") == 2
