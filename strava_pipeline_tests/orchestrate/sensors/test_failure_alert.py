"""A run that failed is told once, in words that say what to do, to a real receiver; nothing private, nothing for ever."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.lake.locks import live_run
from strava_pipeline.lake.notifications import notify
from strava_pipeline.orchestrate.home import note_ui
from strava_pipeline.orchestrate.runs import clean_up, fail_dead_runs
from strava_pipeline.orchestrate.tags import DATA_DIR
from strava_pipeline_tests.orchestrate.sensors.ticks import Watch, watched
from strava_pipeline_tests.receiver import KEY, Receiver, receiver
from strava_pipeline_tests.rig import Rig

FAILURE = DagsterRunStatus.FAILURE
SCHEDULED = {"dagster/schedule_name": "daily_flow"}
NOT_AGAIN = {"dagster/will_retry": "false", "dagster/max_retries": "0"}
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def told() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture
def watch(rig: Rig, told: Receiver) -> Iterator[Watch]:
    rig.settings = rig.settings.model_copy(update={"alert_url": told.url})
    with watched(rig, on_disk=True) as made:  # whose configuration has retries
        yield made


def fail(watch: Watch, job: str = "flow", **tags: str) -> dg.DagsterRun:
    """Run a job to its failure as the schedule's would."""
    result = watch.defs.resolve_job_def(job).execute_in_process(
        instance=watch.instance, tags={**SCHEDULED, "dagster/partition": "2026", **tags}, raise_on_error=False
    )
    assert not result.success
    return watch.run(result.run_id)


def test_a_run_that_failed_is_told_once_with_what_to_do(watch: Watch, told: Receiver) -> None:
    rig = watch.rig
    (rig.settings.secrets_dir / "strava_token.json").write_text('{"refresh_token": "revoked-and-gone"}')
    note_ui(rig.settings.dagster_home, "http://127.0.0.1:3000")
    run = fail(watch)
    assert watch.tick("failure_alert")[1] == "1 sent."
    assert watch.tick("failure_alert")[1] == "Nothing calls for a message."
    (got,) = told.got
    assert (got["job"], got["run_id"], got["years"]) == ("flow", run.run_id, "2026")
    assert got["url"] == f"http://127.0.0.1:3000/runs/{run.run_id}"
    assert "strava-pipeline auth" in got["error"]
    assert run.run_id in Path(got["log"]).read_text()
    assert got["text"] == got["content"]
    for part in ("the run flow (2026) failed", got["error"], got["what_to_do"], got["log"], got["url"]):
        assert part in got["text"]
    assert "revoked-and-gone" not in str(got)


def fail_by(watch: Watch, error: Exception) -> None:
    """Have a scheduled run fail by this, and the sensor look."""

    @dg.job
    def odd() -> None:
        @dg.op
        def fails() -> None:
            raise error

        fails()

    odd.execute_in_process(instance=watch.instance, tags=SCHEDULED, raise_on_error=False)
    watch.tick("failure_alert")


def test_an_error_of_the_program_is_told_without_its_message(watch: Watch, told: Receiver) -> None:
    fail_by(watch, ValueError("start_latlng 47.3769, 8.5417"))
    assert "ValueError" in told.got[0]["error"]
    assert "47.3769" not in str(told.got)


def test_a_message_is_short_whatever_the_error(watch: Watch, told: Receiver) -> None:
    fail_by(watch, PipelineError("many words " * 10_000))
    assert len(told.got[0]["content"]) < 2000, "as much as Discord takes"


@pytest.mark.parametrize(
    ("made", "count"),
    [
        ({"tags": SCHEDULED}, 1),
        ({"tags": {"dagster/sensor_name": "resume"}}, 1),
        ({"tags": {"dagster/backfill": "gone"}}, 1),
        ({"tags": {}}, 0),  # typed: it failed before a person's eyes
        ({"tags": {**SCHEDULED, DATA_DIR: "elsewhere"}}, 0),
        ({"tags": SCHEDULED, "at": NOON - timedelta(hours=25)}, 0),
    ],
)
def test_what_nobody_saw_is_told(watch: Watch, told: Receiver, made: dict[str, Any], count: int) -> None:
    watch.at = NOON
    run = watch.note("flow", FAILURE, **{"at": NOON - timedelta(minutes=1), **made})
    watch.instance.add_run_tags(run.run_id, NOT_AGAIN)
    watch.tick("failure_alert")
    assert len(told.got) == count


def test_success_is_not_told(watch: Watch, told: Receiver) -> None:
    watch.at = NOON
    watch.note("flow", DagsterRunStatus.SUCCESS, at=NOON, tags=SCHEDULED)
    watch.note("flow", DagsterRunStatus.CANCELED, at=NOON, tags=SCHEDULED)
    watch.tick("failure_alert")
    assert told.got == []


@pytest.mark.parametrize("sweep", [clean_up, fail_dead_runs])
def test_a_run_that_died_without_a_word_is_told_once_dagster_has_given_it_up(
    watch: Watch, told: Receiver, sweep: Callable[..., list[str]]
) -> None:
    first = watch.note("flow", DagsterRunStatus.STARTED, tags=SCHEDULED)
    runs, group = [], {"dagster/root_run_id": first.run_id}
    for number in range(3):  # max_retries is 2
        run = (
            first
            if number == 0
            else watch.note(
                "flow",
                DagsterRunStatus.STARTED,
                tags={**SCHEDULED, **group, "dagster/parent_run_id": runs[-1]},
                root_run_id=first.run_id,
                parent_run_id=runs[-1],
            )
        )
        with pytest.raises(OSError), live_run(watch.rig.lake, run.run_id):  # noqa: PT011
            raise OSError
        assert sweep(watch.instance, watch.rig.lake) == [run.run_id]
        runs.append(run.run_id)
        watch.tick("failure_alert")
        assert len(told.got) == (number == 2), watch.run(run.run_id).tags
    assert "Its process is gone" in told.got[0]["error"]
    assert told.got[0]["run_id"] == runs[-1]


def test_a_message_that_can_not_be_sent_is_sent_later_and_only_so_often(watch: Watch, told: Receiver) -> None:
    watch.at = NOON
    run = watch.note("flow", FAILURE, at=NOON, tags={**SCHEDULED})
    watch.instance.add_run_tags(run.run_id, NOT_AGAIN)
    told.answers = [503] * 1000
    for _ in range(24 * 60 * 2 + 10):
        watch.tick("failure_alert")
        if len(told.got) == 4:
            break
        watch.at += timedelta(seconds=30)
    assert watch.at == NOON + timedelta(minutes=7), "after 1, 2 and 4 minutes more"
    watch.at += timedelta(days=1)
    watch.tick("failure_alert")
    assert len(told.got) == 4, "given up"
    watch.at = NOON + timedelta(hours=2)
    told.answers = []
    watch.tick("failure_alert")
    assert len(told.got) == 5
    tags = watch.run(run.run_id).tags
    assert (tags["strava_pipeline/alert"], "by" in tags) == ("sent", False), "Dagster says who asked"


def test_a_refused_message_is_not_repeated(watch: Watch, told: Receiver, capfd: pytest.CaptureFixture[str]) -> None:
    watch.at = NOON
    run = watch.note("flow", FAILURE, at=NOON, tags=SCHEDULED)
    watch.instance.add_run_tags(run.run_id, NOT_AGAIN)
    told.answers = [404]
    for _ in range(3):
        watch.tick("failure_alert")
    assert len(told.got) == 1
    said = "".join(capfd.readouterr())
    assert "STRAVA_ALERT_URL" in said
    assert KEY not in said


def test_notifications_of_errors_are_posted_once_and_failures_not_twice(watch: Watch, told: Receiver) -> None:
    watch.at = NOON
    rig = watch.rig
    for category, about, run_id in [
        ("info", "new", None),
        ("warning", "limit", "run"),
        ("error", "failed", "run"),
        ("error", "disk", None),
    ]:
        notify(rig.lake, category, f"{category} {about}", NOON - timedelta(hours=1), run_id=run_id)  # type: ignore[arg-type]
    notify(rig.lake, "warning", "an old one", NOON - timedelta(hours=25))
    for _ in range(3):
        watch.tick("failure_alert")
    assert [(got["text"], got["category"]) for got in told.got] == [("strava_pipeline: error disk", "error")]
