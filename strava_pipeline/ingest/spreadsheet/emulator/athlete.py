"""The made-up athlete's own table, filled."""

from collections import Counter
from importlib.util import find_spec

from strava_pipeline.emulator.services import Athlete, Service
from strava_pipeline.ingest.spreadsheet.emulator.book import Book
from strava_pipeline.ingest.spreadsheet.emulator.owner import kept_by_owner


def fill(athlete: Athlete) -> Service:
    """The service, and the settings for using it."""
    zones = Counter(str(activity["timezone"]).partition(" ")[2] for activity in athlete.activities)
    home = zones.most_common(1)[0][0] if zones else "UTC"
    kept = kept_by_owner(athlete.activities, athlete.gear_names, home, athlete.seed)
    ending = "xlsx" if find_spec("openpyxl") else "csv"
    book = Book(athlete.folder / f"activities.{ending}", rows=kept.rows)
    book.save()
    pairs = {str(place): strava_id for place, strava_id in kept.pairs.items()}
    settings = {"SPREADSHEET_PATH": str(book.path), "SPREADSHEET_ZONE": home}
    return Service(None, settings, pairs, len(kept.rows) - len(pairs))
