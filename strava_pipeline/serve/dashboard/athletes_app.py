"""The dashboard of several athletes, from the parts of app.py: an application in front of them all, and one for each."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from fastapi import FastAPI

from strava_pipeline.environment.athletes import Athlete, settings_of
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.paths import Lake
from strava_pipeline.serve.dashboard.app import add_dagster, application, stand_guard
from strava_pipeline.serve.dashboard.guard import SecureHeaders
from strava_pipeline.serve.dashboard.house import House, OwnPages
from strava_pipeline.serve.dashboard.kept_answers import KeepAnswers
from strava_pipeline.serve.dashboard.middlewares import RelativePaths, Shortening
from strava_pipeline.serve.dashboard.passwords import hash_of_nobody
from strava_pipeline.serve.dashboard.pipeline import Pipeline
from strava_pipeline.serve.dashboard.problems import Faults
from strava_pipeline.serve.dashboard.records.accounts import Accounts
from strava_pipeline.serve.dashboard.records.database import connect, database_of
from strava_pipeline.serve.dashboard.routes import DATA, FRONT, HOUSE
from strava_pipeline.serve.dashboard.site import Site, system_now

_COMMAND = re.compile(rb"(<code>|`)strava-pipeline (?!dashboard |--athlete )")
"""A command in pages and messages: an athlete's pages show it with the athlete's name."""


def build_house(
    settings: Settings,
    pipeline_of: Callable[[Settings], Pipeline],
    *,
    now: Callable[[], datetime] = system_now,
    behind_proxy: bool = False,
    dagster: str | None = None,
    say: Callable[[str], object] = lambda line: None,
) -> FastAPI:
    """The dashboard of all athletes, with accounts, over the settings of the house. It opens nothing yet, like `build_dashboard`.

    Args:
        settings: the house's, with the folder of all athletes as the data folder, which contains the records.
        pipeline_of: makes the interface to the pipeline of a data folder's settings.
        dagster: the address of the house's own Dagster UI, which admins then have below /dagster, or None.
    """
    records = Accounts(connect(database_of(settings)))
    hash_of_nobody()  # so that the first login with an unknown name takes no longer than others

    def site_of(used: Settings, house: House, *, has_data: bool) -> Site:
        lake, pipeline = Lake(used.data_dir), pipeline_of(used)
        site = Site(used, lake, pipeline, now, records, pipeline.snapshot, behind_proxy)
        return replace(site, house=house, has_data=has_data, has_dagster=dagster is not None)

    def of_athlete(house: House, athlete: Athlete) -> FastAPI:
        own = settings_of(settings, athlete).model_copy(update=_shared(settings))
        site = site_of(own, house, has_data=True)
        app = application(site, (*DATA, *HOUSE))
        shorten, prefix = Shortening(own), rb"\1strava-pipeline --athlete " + athlete.name.encode() + b" "
        app.add_middleware(KeepAnswers, site=site)
        app.add_middleware(Faults)
        app.add_middleware(RelativePaths, shorten=lambda text: _COMMAND.sub(prefix, shorten(text)))
        app.add_middleware(SecureHeaders, site=site)  # their maps may have tiles from another server
        return app

    house = House(settings, records, of_athlete)
    house.build_all()
    front = site_of(settings, house, has_data=False)
    app = application(front, (*FRONT, *HOUSE))
    app.add_middleware(OwnPages, house=house)
    add_dagster(app, dagster)
    stand_guard(app, front, say)
    return app


def _shared(settings: Settings) -> dict[str, object]:
    """The dashboard's addresses and names for browsers, which are the house's, whatever an athlete's folder says."""
    names = ("dashboard_address", "dashboard_behind_proxy", "dashboard_hosts", "dashboard_lan", "dashboard_cert")
    return {name: getattr(settings, name) for name in names}
