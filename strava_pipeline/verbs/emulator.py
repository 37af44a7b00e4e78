"""The command `emulator`, and an emulator that runs beside another command."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.verbs.output import echo

if TYPE_CHECKING:
    from strava_pipeline.ingest.strava.emulator.application import EmulatorConfig


YEARS = 12  # of history by default

USAGE = """
It answers as Strava does, with made-up activities. To let the pipeline speak to it, put into .env:

    STRAVA_BASE_URL={url}
    STRAVA_CLIENT_ID={client_id}
    STRAVA_CLIENT_SECRET={client_secret}
{services}
Logging in needs no browser: a login page answers at once with a code.
What there is: {url}/_emulator/truth    What was asked: {url}/_emulator/calls
Ctrl-C ends it.
"""

RecordedUntil = Annotated[
    str | None, typer.Option(help="When the newest activity has ended (ISO).", show_default="its clock's start")
]
Services = Annotated[
    Path | None,
    typer.Option(help="The athlete's other services, too; their tokens and the athlete's table go into this folder."),
]
PointSeconds = Annotated[
    int | None,
    typer.Option(min=1, help="Seconds between recorded points.", show_default="150 points or fewer in all"),
]


def emulator(
    port: Annotated[int, typer.Option(help="Port to listen on; 0 picks a free one.", min=0, max=65535)] = 8720,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    activities: Annotated[int, typer.Option(help="How many activities the athlete recorded.", min=0)] = 2000,
    years: Annotated[
        str | None, typer.Option(help="Years they lie in, as in 2015-2026.", show_default="the last twelve")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed, another athlete.")] = 1,
    dataset: Annotated[
        Path | None, typer.Option(help="Serve the activities of this JSON file (or .gz) as they are.")
    ] = None,
    limits: Annotated[
        str, typer.Option(help="Rate limits: overall15,overallDay/read15,readDay, or off.")
    ] = "200,2000/100,1000",
    speed: Annotated[float, typer.Option(help="Seconds its clock goes in a second.")] = 1.0,
    now: Annotated[str | None, typer.Option(help="Where its clock starts (ISO).", show_default="this moment")] = None,
    recorded_until: RecordedUntil = None,
    point_seconds: PointSeconds = None,
    latency: Annotated[float, typer.Option(help="Seconds every API answer takes longer.")] = 0.0,
    short_pages: Annotated[
        bool, typer.Option("--short-pages", help="Pages shorter than asked, as the real one has them.")
    ] = False,
    services: Services = None,
) -> None:
    """Run an emulated Strava on this machine: develop and try everything without API access."""
    from strava_pipeline.emulator.service import EmulatorConfigError
    from strava_pipeline.ingest.strava.emulator.application import EmulatorConfig, Limits

    try:
        start = _moment(now, "--now")
        config = EmulatorConfig(
            now=start,
            activities=activities,
            years=_years(years, start),
            seed=seed,
            recorded_until=None if recorded_until is None else _moment(recorded_until, "--recorded-until"),
            point_seconds=point_seconds,
            dataset=dataset,
            limits=Limits.parse(limits),
            speed=speed,
            latency=latency,
            short_pages=short_pages,
        )
        _serve(config, host, port, services)
    except EmulatorConfigError as error:
        echo(f"Error: {error}", err=True)
        raise typer.Exit(2) from error


def _serve(config: "EmulatorConfig", host: str, port: int, services: Path | None) -> None:
    from strava_pipeline.emulator.services import served
    from strava_pipeline.ingest.registry import PROVIDERS
    from strava_pipeline.ingest.strava.emulator.app import create_app, run
    from strava_pipeline.ingest.strava.emulator.athlete import athlete_of

    app = create_app(config)
    with ExitStack() as running:
        settings: dict[str, str] = {}
        if services is not None:
            athlete = athlete_of(app.state.emulator, services.absolute())
            settings = running.enter_context(served(athlete, [*PROVIDERS]))[1]
        run(app, host, port, on_ready=lambda url: _announce(url, config, settings))


def _announce(url: str, config: "EmulatorConfig", services: Mapping[str, str]) -> None:
    found = "".join(f"    {name}={value}\n" for name, value in services.items())
    usage = USAGE.format(url=url, client_id=config.client_id, client_secret=config.client_secret, services=found)
    echo(f"Emulator listening on {url}\n{usage}")  # flushes, so that a waiting program sees it at once


def _moment(text: str | None, option: str) -> datetime:
    from strava_pipeline.emulator.service import EmulatorConfigError

    if text is None:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise EmulatorConfigError(f"{option} {text!r} is no ISO date and time, as in 2026-06-01T12:00:00Z.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _years(text: str | None, now: datetime) -> tuple[int, int]:
    from strava_pipeline.emulator.service import EmulatorConfigError

    if text is None:
        return now.year - YEARS + 1, now.year
    first, dash, last = text.partition("-")
    try:
        return int(first), int(last if dash else first)
    except ValueError as error:
        raise EmulatorConfigError(f"--years {text!r} is no range, as in 2015-2026.") from error


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
