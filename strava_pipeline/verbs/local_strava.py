"""An emulator as a process of its own, and a login to it without a browser: for the demo. Never for a real host."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.ingest.strava.clocks import system_clock
from strava_pipeline.ingest.strava.connect import make_oauth, make_wire
from strava_pipeline.ingest.strava.consent import read_consent
from strava_pipeline.settings import Settings

CLIENT_ID, CLIENT_SECRET = "12345", "emulator-secret"
_SAYS = "Emulator listening on "


@contextmanager
def emulator_process(*options: str, log: Path) -> Iterator[str]:
    """Run the emulator on a free port; yields its URL once it accepts connections."""
    command = [sys.executable, "-m", "strava_pipeline", "emulator", "--port", "0", *options]
    log.parent.mkdir(parents=True, exist_ok=True)
    with (
        log.open("wb") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            line = next((line for line in process.stdout if line.startswith(_SAYS)), None)
            if line is None:
                raise PipelineError(f"The emulator did not start; {log} says why.")
            yield line.removeprefix(_SAYS).strip()
        finally:
            process.terminate()


def log_in_locally(settings: Settings) -> None:
    """Log in as the emulator's athlete, who allows everything."""
    from strava_pipeline.verbs.auth import log_in

    host = urlsplit(settings.base_url).hostname
    if host not in ("127.0.0.1", "localhost", "::1"):
        raise PipelineError(f"{host} is not this machine; the demo's login is for the emulator only.")
    clock = system_clock(settings)
    wire = make_wire(settings, clock)
    oauth = make_oauth(settings, wire, clock)
    answer = wire.send("GET", oauth.authorize_url(settings.redirect_uri, "demo"))
    log_in(settings, oauth, clock, read_consent(answer.headers["Location"], "demo"), force=True)
