"""The command `dashboard`: the private web page over the published snapshot. What it shows stands in serve/dashboard/."""

from typing import TYPE_CHECKING

from strava_pipeline.verbs.output import echo

if TYPE_CHECKING:
    from fastapi import FastAPI

    from strava_pipeline.settings import Settings


def dashboard() -> None:
    """Run the dashboard: your activities in a browser, on this machine alone."""
    import uvicorn

    from strava_pipeline.core.errors import MisuseError
    from strava_pipeline.serve.server import bound, url_of
    from strava_pipeline.setting_values import is_this_machine
    from strava_pipeline.settings import Settings

    settings = Settings.load()
    if not is_this_machine(settings.dashboard_address.rpartition(":")[0].strip("[]")):
        raise MisuseError(
            f"DASHBOARD_ADDRESS is {settings.dashboard_address}, which other machines reach. Set it to 127.0.0.1:8723."
        )
    app = _application(settings)
    listening = bound(settings.dashboard_address, "DASHBOARD_ADDRESS", "dashboard")
    echo(f"Dashboard: {url_of(listening)} (Ctrl-C stops it)", err=True)
    config = uvicorn.Config(
        app, ws="none", access_log=False, log_level="warning", server_header=False, proxy_headers=False
    )
    uvicorn.Server(config).run(sockets=[listening])


def _application(settings: "Settings") -> "FastAPI":
    from importlib.util import find_spec

    from strava_pipeline.core.errors import MissingSettingsError

    if absent := [name for name in ("fastapi", "argon2") if find_spec(name) is None]:
        raise MissingSettingsError(
            f"The dashboard needs {' and '.join(absent)}, which this installation does not have. Type: "
            "pip install 'strava_pipeline[dashboard]'"
        )
    from strava_pipeline.operations.dashboard import DashboardPipeline
    from strava_pipeline.serve.dashboard.app import build_dashboard

    return build_dashboard(settings, DashboardPipeline(settings))
