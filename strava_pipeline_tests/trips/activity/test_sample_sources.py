"""The sample trips, which lie beside the checkout: every kind of source gives exactly the plain export, field by field.

Deselected by default (`-m samples` runs them), and then red where they are absent.
"""

import json
import sqlite3
from pathlib import Path

import pytest

from strava_pipeline.trips.activity.reading.export_file import read_export
from strava_pipeline.trips.activity.reading.keys import KeyRing
from strava_pipeline.trips.activity.reading.opening import open_source
from strava_pipeline.trips.activity.reading.read import read_bundles
from strava_pipeline_tests.postgres import started
from strava_pipeline_tests.trips.activity.sources import write_postgres

pytestmark = pytest.mark.samples

TRIPS = Path(__file__).parents[3].parent / "shared" / "samples" / "trips"


def exported(url: str) -> list[dict[str, object]]:
    keys = KeyRing.from_text((TRIPS / "TEST_KEYS_ONLY.json").read_text())
    with open_source(url) as source:
        found = [bundle.as_json() for batch in read_bundles(source, keys) for bundle in batch]
    starts = [bundle["summary"]["startTime"] for bundle in found]
    assert starts == sorted(starts, reverse=True)
    return sorted(found, key=lambda bundle: bundle["externalId"])


def expected() -> list[dict[str, object]]:
    return list(json.loads((TRIPS / "plain_export.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize("kind", ["sqlite", "parquet"])
def test_a_file_gives_the_plain_export(kind: str) -> None:
    assert exported(f"{kind}:///{TRIPS / f'activity_trip.{kind}'}") == expected()


@pytest.mark.parametrize("text", [True, False], ids=["text", "typed"])
def test_postgres_gives_the_plain_export(text: bool) -> None:
    rows = sqlite3.connect(f"file:{TRIPS / 'activity_trip.sqlite'}?mode=ro", uri=True)
    rows.row_factory = sqlite3.Row
    held = [dict(row) for row in rows.execute("SELECT * FROM activity_trip")]
    with started() as server:
        assert exported(write_postgres(server.new_database(), held, text=text)) == expected()


def test_the_plain_export_is_read_back_as_it_is() -> None:
    assert [bundle.as_json() for batch in read_export(TRIPS / "plain_export.json") for bundle in batch] == expected()
