"""`strava-pipeline serve`: the web intake in the foreground. What it does stands in its own room."""

from pathlib import Path
from typing import Annotated

import typer

from strava_pipeline.verbs.output import echo

Scripted = Annotated[
    Path | None,
    typer.Option(
        help="Answer for cars and routers from this file of scenarios, in place of the real ones: to try things out.",
        metavar="FILE",
    ),
]


def serve(scripted: Scripted = None) -> None:
    """Take Strava's webhook events and phones' pings: each is on disk before it is acknowledged."""
    import sys
    from contextlib import ExitStack, suppress
    from datetime import UTC, datetime

    from strava_pipeline.core.errors import MissingSettingsError
    from strava_pipeline.ingest.cars.connect import oracle_of
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.lake.people_file import people_in
    from strava_pipeline.serve.app import Phones, create_app
    from strava_pipeline.serve.server import run
    from strava_pipeline.settings import Settings

    def say(line: str) -> None:
        with suppress(OSError):  # a log that can't be written, or that nobody reads any more, costs no event
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()

    settings = Settings.load()
    if not settings.takes_pings:
        try:
            settings.require_webhook_secret()
        except MissingSettingsError as error:
            raise MissingSettingsError(
                f"There is nothing to take in. For pings (docs/cars.md) there is no {settings.pings_config}. For Strava's "
                f"webhooks (docs/webhooks.md): {error}"
            ) from None
    secret = settings.webhook_secret
    with ExitStack() as held:
        phones = None
        if settings.takes_pings:
            people = people_in(settings.pings_config)
            oracle = held.enter_context(oracle_of(settings, people, scripted))
            phones = Phones(people, oracle, scripted is not None)
        app = create_app(
            Lake(settings.data_dir),
            say=say,
            now=lambda: datetime.now(UTC),
            webhook_secret=secret.get_secret_value() if secret else None,
            phones=phones,
        )
        run(app, settings.serve_address, lambda url: echo(f"Intake listening on {url}", err=True))
