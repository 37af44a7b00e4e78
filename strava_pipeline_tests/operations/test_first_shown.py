"""With which year Dagster's dialogs begin: never after one that may have an activity, and no later while Dagster runs."""

from pathlib import Path

import pytest

from strava_pipeline.core.years import YearRange
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.bronze.listing import begin_listing
from strava_pipeline.lake.bronze.manifests import Window
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations import used
from strava_pipeline.operations.used import note_first_shown
from strava_pipeline_tests.lake.bronze import NOW, activity, land, listed

YEARS = YearRange(2008, 2026)


def settings_of(folder: Path, **more: str) -> Settings:
    given = {"client_id": "1", "data_dir": folder, "secrets_dir": folder, "providers_config": folder / "providers.toml"}
    return Settings.load(_env_file=None, **given | more)


def first_shown(settings: Settings) -> int:
    """As it is a minute later."""
    used._first_with_data.cache_clear()
    return used.first_shown(settings)


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """With a whole listing, and nothing known of when Dagster was started."""
    monkeypatch.setenv("STRAVA_FIRST_SHOWN", "2008")
    lake = Lake(tmp_path)
    listed(lake, [activity(1, "2015-07-01T06:00:00Z")], years=YEARS)
    return lake


def test_it_rises_at_the_start_and_falls_at_once(lake: Lake) -> None:
    settings = settings_of(lake.data_dir)
    assert first_shown(settings) == 2008, "it was not known at the start"
    note_first_shown(settings, may_rise=False)
    assert first_shown(settings) == 2008
    note_first_shown(settings, may_rise=True)
    assert first_shown(settings) == 2015
    listed(lake, [activity(2, "2012-07-01T06:00:00Z")], mode="month", years=YEARS)
    assert first_shown(settings) == 2012


def test_it_is_the_first_year_of_all_where_older_data_may_be_to_come(lake: Lake) -> None:
    settings = settings_of(lake.data_dir, trips_source="postgresql://trips.example/trips")
    note_first_shown(settings, may_rise=True)
    assert first_shown(settings) == 2008, "trips have years of their own"
    settings = settings_of(lake.data_dir)
    note_first_shown(settings, may_rise=True)
    settings.providers_config.write_text("[providers.intervals_icu]\nenabled = true\n")
    assert first_shown(settings) == 2008, "a service that nothing was listed of"
    listing = begin_listing(
        lake, Window(mode="all", after=None, before=None), athlete_id=7, at=NOW, source="intervals_icu"
    )
    land(listing, [activity(3, "2016-07-01T06:00:00Z")], [], years=YEARS)
    assert first_shown(settings) == 2015
