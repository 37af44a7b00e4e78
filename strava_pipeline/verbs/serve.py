"""`strava-pipeline serve`: the web intake in the foreground. What it does stands in its own room."""

import typer


def serve() -> None:
    """Take Strava's webhook events: each is on disk before it is acknowledged."""
    from contextlib import suppress
    from datetime import UTC, datetime

    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.serve.app import create_app
    from strava_pipeline.serve.server import run
    from strava_pipeline.settings import Settings

    def say(line: str) -> None:
        with suppress(OSError):  # a log that can't be written, or that nobody reads any more, costs no event
            typer.echo(line)

    settings = Settings.load()
    app = create_app(
        Lake(settings.data_dir),
        settings.require_webhook_secret().get_secret_value(),
        say=say,
        now=lambda: datetime.now(UTC),
    )
    run(app, settings.serve_address, lambda url: typer.echo(f"Intake listening on {url}", err=True))
