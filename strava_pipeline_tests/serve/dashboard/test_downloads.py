"""Files that an activity's page offers: as a device wrote it, and GPX without privacy zones."""

from collections.abc import Iterator
from datetime import UTC, datetime

import polars as pl
import pytest
from starlette.testclient import TestClient

from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.lake.imports.files import store_durably
from strava_pipeline.lake.made.tracks import write_track
from strava_pipeline.lookups import downloads
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import ME, activity, put
from strava_pipeline_tests.serve.dashboard.conftest import Dashboard, served
from strava_pipeline_tests.serve.dashboard.test_api import settings_of
from strava_pipeline_tests.serve.dashboard.test_pages import NOW, page, words

BODY = b"as a device wrote it"
ZONE = "[[privacy.zones]]\nplace = [{}, 16.2]\nradius_m = 500\n"


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory, new_lake: NewLake) -> Iterator[Dashboard]:
    """One activity of a file with a hostile name, 4 km to the north, and one that was typed in."""
    folder = tmp_path_factory.mktemp("downloads")
    lake = new_lake(folder / "data")
    typed_in = {
        "manual": True,
        "average_heartrate": 0.0,
        "total_elevation_gain": 0.0,
        "sport_type": "Swim",
        "distance": 900.0,
    }
    put(
        lake,
        [activity(1, "2025-05-01T08:00", source_id="1"), activity(2, "2025-05-02T08:00", source_id="2", **typed_in)],
    )
    put(lake, [{"athlete_id": ME, "fetched_at": "2024-01-01"}], "athlete")
    file = {"sha256": store_durably(lake, BODY), "name": '../../a "rid\u00e9".fit', "names": [], "recordings": 1}
    put(lake, [{**file, "role": "activity", "kind": "activity", "source": "strava", "source_id": "1"}], "files")
    at = [datetime(2025, 5, 1, 8, minute, tzinfo=UTC) for minute in range(5)]
    track = pl.DataFrame({"recorded_at": at, "latitude": [48.1 + n / 100 for n in range(5)], "longitude": [16.2] * 5})
    write_track(lake, 2025, 1, ME, "file", [track.cast({"recorded_at": pl.Datetime("us", "UTC")})], "file:1")
    publish(lake)
    with served(settings_of(folder), time=NOW) as made:
        yield made


@pytest.fixture
def site(dashboard: Dashboard) -> Iterator[TestClient]:
    yield dashboard.browser()
    dashboard.site.lake.goals.unlink(missing_ok=True)


@pytest.mark.dear
def test_an_activity_offers_its_file_and_its_track_without_privacy_zones(
    dashboard: Dashboard, site: TestClient
) -> None:
    text = page(site, "/activities/1")
    assert '<a href="/activities/1/track.gpx" download>GPX</a><a href="/activities/1/original" download>' in text
    sent = site.get("/activities/1/original")
    assert (sent.status_code, sent.content) == (200, BODY)
    assert sent.headers["content-disposition"] == "attachment; filename*=UTF-8''a%20%22rid%C3%A9%22.fit"
    assert (sent.headers["content-type"], sent.headers["x-content-type-options"]) == (
        "application/octet-stream",
        "nosniff",
    )
    whole = site.get("/activities/1/track.gpx")
    assert (whole.headers["content-disposition"], whole.text.count("<trkpt")) == (
        "attachment; filename*=UTF-8''1.gpx",
        5,
    )
    dashboard.site.lake.goals.write_text(ZONE.format(48.1))
    cut = site.get("/activities/1/track.gpx").text
    assert (cut.count("<trkpt"), 'lat="48.1"' in cut) == (4, False)
    assert "GPX without privacy zones Original file, whole" in words(page(site, "/activities/1"))
    dashboard.site.lake.goals.write_text("".join(ZONE.format(48.1 + n / 100) for n in range(5)))
    assert site.get("/activities/1/track.gpx").status_code == 404
    dashboard.site.lake.goals.write_text("[[privacy.zones]]")
    assert site.get("/activities/1/track.gpx").status_code >= 400, "which places are hidden is not known"


def test_what_is_damaged_too_large_or_not_there_is_not_sent(site: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in ("/activities/2/original", "/activities/2/track.gpx", "/activities/9/original"):
        assert site.get(path).status_code == 404, path
    assert site.get("/activities/..%2f1/original").status_code in (400, 404)
    monkeypatch.setattr(downloads, "MOST_BYTES", len(BODY) - 1)
    assert site.get("/activities/1/original").status_code == 404


def test_the_page_of_what_was_typed_in_is_short(site: TestClient) -> None:
    seen = words(page(site, "/activities/2")).partition("Log out")[2]
    for absent in ("bpm", "Climb", "GPX", "Original", "track", "Splits", "Laps", "History", "Effort"):
        assert absent not in seen, absent
