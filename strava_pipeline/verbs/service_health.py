"""Whether a running service answers, asked of each part itself: what a container's health check calls."""

import subprocess
import sys
from typing import TYPE_CHECKING

from strava_pipeline.verbs.dagster_process import environment_of_dagster
from strava_pipeline.verbs.service_intake import answers
from strava_pipeline.verbs.service_process import running, ui_answers

if TYPE_CHECKING:
    from strava_pipeline.settings import Settings

PATIENCE = 60  # seconds for the scheduler's records: importing Dagster takes 2 on an idle machine


def faults(settings: "Settings") -> list[str]:
    """A sentence for each part of the service that does not answer; the cheap questions first."""
    present = running(settings.dagster_home)
    if present is None:
        return [f"No service is running on {settings.dagster_home}."]
    found = []
    if present.ui is not None and not ui_answers(present.ui):
        found.append(f"The UI does not answer GET {present.ui.url}/server_info.")
    if settings.has_intake and not answers(settings.serve_address):
        found.append(f"The intake does not answer GET http://{settings.serve_address}/health, or its inbox is full.")
    return found or _scheduler(settings)


def _scheduler(settings: "Settings") -> list[str]:
    """What `dagster-daemon liveness-check` finds: whether each of its threads was heard of lately."""
    from strava_pipeline.verbs.instance import provide_secrets

    provide_secrets(settings.dagster_home)
    check = [sys.executable, "-m", "dagster._daemon", "liveness-check"]
    environment = environment_of_dagster(settings)
    try:
        asked = subprocess.run(check, env=environment, stdout=subprocess.DEVNULL, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return [f"`dagster-daemon liveness-check` took longer than {PATIENCE} s."]
    return [] if asked.returncode == 0 else ["`dagster-daemon liveness-check` hears nothing of the scheduler."]
