"""What `doctor` says about times in bronze: versions that claim to be of the future. Reads only."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from strava_pipeline.core.errors import Finding, ok, skipped, warning
from strava_pipeline.core.landings import DAY
from strava_pipeline.lake.detail_files import detail_files
from strava_pipeline.lake.listings import from_the_future
from strava_pipeline.lake.paths import Lake

TIMES = "bronze: times"
NAMED = 5


def times_health(lake: Lake, now: datetime) -> Finding:
    """Whether everything came when it says; `now`: this machine's time (UTC)."""
    if not lake.listings.is_dir():
        return skipped(TIMES, "nothing came yet")
    lake = replace(lake, clock=lambda: now)
    ahead = [*_listings(lake), *_details(lake)]
    if not ahead:
        return ok(TIMES, "nothing claims to be of the future")
    more = f" and {len(ahead) - NAMED} more" if len(ahead) > NAMED else ""
    return warning(
        TIMES,
        f"{len(ahead)} claim to have come later than they can have: {'; '.join(ahead[:NAMED])}{more}. A server's clock, or this "
        "machine's, was wrong then.",
        "They are taken in the order in which they landed, so they hide nothing that came later. Should a table still hold "
        "such a time:\nstrava-pipeline rebuild      # without a call",
    )


def _listings(lake: Lake) -> Iterator[str]:
    for name, said, believed in from_the_future(lake):
        yield f"listing {name} ({said:%Y-%m-%d} instead of {believed:%Y-%m-%d})"


def _details(lake: Lake) -> Iterator[str]:
    for folder in sorted(lake.details.glob("year=[0-9][0-9][0-9][0-9]")):
        for activity_id, files in detail_files(lake, int(folder.name.removeprefix("year="))).items():
            for said in sorted(files.disbelieved):
                if files.good_at is not None and said > files.good_at + DAY:
                    yield f"detail of {activity_id} ({said:%Y-%m-%d})"
