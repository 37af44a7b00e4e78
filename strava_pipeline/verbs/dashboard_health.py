"""The checks of `doctor` for the dashboard: whether its settings let it start, who reaches it, how long its certificate is valid.

Its libraries are imported only if they are installed.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.facts import Fact, ok, problem, skipped, warning
from strava_pipeline.verbs.dashboard_extra import has_extra

if TYPE_CHECKING:
    from strava_pipeline.environment.settings import Settings

DASHBOARD = "dashboard"
SOON = timedelta(days=14)


def dashboard_health(settings: "Settings", now: datetime) -> Fact:
    """Whether the dashboard may start, and its visibility in a home network."""
    from strava_pipeline.serve.addresses import dashboard_address

    if dashboard_address(settings) is None:
        return ok(DASHBOARD, "off")
    if not has_extra():
        return skipped(DASHBOARD, "not installed")
    from strava_pipeline.serve.dashboard.passwords import has_password
    from strava_pipeline.serve.dashboard.start_check import check_start
    from strava_pipeline.serve.house_settings import house_settings

    try:
        check_start(settings, behind_proxy=settings.dashboard_behind_proxy)
    except PipelineError as error:
        return problem(DASHBOARD, "its settings keep it from starting.", str(error))
    if settings.dashboard_cert is not None:
        from strava_pipeline.serve.dashboard.certificate import read_certificate

        ends = read_certificate(settings.dashboard_cert).not_valid_after_utc
        if ends - now < SOON:
            fix = "Renew it, then restart the dashboard."
            return warning(DASHBOARD, f"the certificate in {settings.dashboard_cert} ends on {ends:%Y-%m-%d}.", fix)
    if not settings.dashboard_lan:
        return ok(DASHBOARD, "behind a proxy" if settings.dashboard_behind_proxy else "on this machine alone")
    if not has_password(settings) and house_settings(settings) is None:
        what = "machines of the home network reach it, and no password is set: who reads its log can log in."
        return warning(DASHBOARD, what, "strava-pipeline dashboard password")
    how = "http, which who listens there can read" if settings.dashboard_cert is None else "https"
    return ok(DASHBOARD, f"on the home network, by {how}")
