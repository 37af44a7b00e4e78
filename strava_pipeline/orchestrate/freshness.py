"""By when the daily run must have come: Dagster's daemon marks an asset that is older. No schedule, no message.

What was never made stays unmarked, so a fresh instance is not red. Where nothing runs by itself, nothing is promised.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import dagster as dg

from strava_pipeline.orchestrate.dagster_private import cron_string_iterator
from strava_pipeline.orchestrate.jobs import DETAILS, LISTING
from strava_pipeline.settings import Settings

PROMISED = (LISTING, DETAILS, "published_warehouse")  # Strava was asked, for both; and readers have it
LATE = timedelta(hours=2)  # a daily run of minutes, after a start that was late by a restart
TOO_LATE = timedelta(hours=8)  # nobody minds a laptop that was opened at noon
Asset = dg.AssetsDefinition | dg.AssetSpec
_TICKS = 200  # enough to see the longest pause of a schedule by hours, days, weeks or months
_THURSDAY = datetime(2024, 1, 4, tzinfo=UTC)  # any, so that a weekend is soon reached


def promised(assets: Iterable[Asset], settings: Settings) -> list[Asset]:
    """The assets, with their freshness where the daily run is expected."""
    if not settings.automation:
        return list(assets)
    policy = freshness(settings.schedule)
    return list(
        dg.map_asset_specs(
            lambda spec: (
                spec.replace_attributes(freshness_policy=policy) if spec.key.to_user_string() in PROMISED else spec
            ),
            assets,
        )
    )


def freshness(schedule: str) -> dg.FreshnessPolicy:
    """Two runs of `schedule` (five cron fields) are as far apart as this at most; an hour more when the clocks change."""
    ticks = islice(cron_string_iterator(_THURSDAY.timestamp(), schedule, "UTC"), _TICKS)
    pause = max(later - earlier for earlier, later in pairwise(ticks)) + timedelta(hours=1)
    return dg.FreshnessPolicy.time_window(fail_window=pause + TOO_LATE, warn_window=pause + LATE)
