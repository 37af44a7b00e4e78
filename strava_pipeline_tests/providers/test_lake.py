"""What the lake makes of a provider's bronze, without a service or a run."""

import json
import logging
import re
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.changes.records import Change
from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.providers import ReadPage, spec_of
from strava_pipeline.core.sources import hashed_id
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake import providers
from strava_pipeline.lake.bronze.landing import next_number
from strava_pipeline.lake.bronze.listing import Listing, begin_listing
from strava_pipeline.lake.bronze.listings import listings
from strava_pipeline.lake.bronze.manifests import Mode, Window
from strava_pipeline.lake.files import record_in
from strava_pipeline.lake.gold.changes import newest_landings
from strava_pipeline.lake.gold.notes import revision
from strava_pipeline.lake.gold.warehouse import reading
from strava_pipeline.lake.health import listings_health, times_health
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.providers import all_provider_files, has_provider_files, land_provider_file
from strava_pipeline.operations.progress import LogProgress
from strava_pipeline.operations.reading_files import read_files, unread_files
from strava_pipeline.operations.run_context import run_context
from strava_pipeline.operations.tracking import make_tracks
from strava_pipeline_tests.lake.bronze import DAY, NOW, YEARS, merge
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.providers.subjects import register_toy


@pytest.fixture
def lake(new_lake: NewLake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    register_toy(monkeypatch)
    return new_lake(tmp_path / "data")


def listed(lake: Lake, account: str | None, *keys: str, at: datetime = NOW, mode: Mode = "all") -> Listing:
    """A complete listing of the toy's, of rides on the first days of May 2025."""
    window = Window(mode=mode, after=None, before=None)
    listing = begin_listing(lake, window, athlete_id=None, at=at, source="toy", account=account)
    items = [{"key": key, "begin": f"2025-05-0{keys.index(key) + 1}T06:00:00Z", "title": key} for key in keys]
    page = {"items": items, "more": False}
    listing.land(spec_of("toy").read_page(page), json.dumps(page).encode(), {"page": 1, "per_page": 50}, at, YEARS)
    listing.mark_ended()
    return listing


def test_the_listings_of_every_service_are_examined(lake: Lake) -> None:
    assert (listings_health(lake).state, times_health(lake, NOW, list).state) == ("skipped", "skipped")
    listed(lake, None, "a", "b")
    assert listings_health(lake).text == "all 1 pages can be read"
    assert times_health(lake, NOW, list).state == "ok"
    min(lake.listings_of("toy").rglob("page-*")).unlink()
    found = listings_health(lake)
    assert (found.state, "providers pull toy --all" in str(found.advice)) == ("problem", True)
    assert "run-all" not in str(found.advice)


def gold(lake: Lake, query: str) -> list[tuple[Any, ...]]:
    with reading(lake) as connection:
        return connection.execute(query).fetchall()


def land_file_of(lake: Lake, key: str) -> None:
    land_provider_file(lake, "toy", hashed_id("toy", key), key, "me", f"{key}.gpx", f"<gpx>{key}</gpx>".encode(), NOW)


ACCOUNTS = "SELECT source_id, account FROM activities_all ORDER BY source_id"


@pytest.mark.slow
def test_an_activity_is_of_the_account_that_showed_it_last_without_a_new_version(lake: Lake) -> None:
    listed(lake, "old", "a", "b")
    merge(lake)
    listed(lake, "new", "a", "b", at=NOW + DAY)
    assert merge(lake, [2025]).updated == 2
    assert gold(lake, ACCOUNTS) == [("a", "new"), ("b", "new")]
    assert gold(lake, "SELECT DISTINCT version, valid_to FROM activity_history") == [(1, None)]
    listed(lake, "new", "a", at=NOW + 2 * DAY)
    merge(lake, [2025])
    assert gold(lake, "SELECT source_id FROM activities_all WHERE deleted_at IS NOT NULL") == [("b",)]


def test_the_same_account_changes_nothing_in_gold(lake: Lake) -> None:
    listed(lake, "me", "a")
    merge(lake)
    with reading(lake) as connection:
        before = revision(connection)
    listed(lake, "me", "a", at=NOW + DAY)
    assert not merge(lake, [2025]).wrote
    with reading(lake) as connection:
        assert revision(connection) == before


def test_a_sighting_without_an_account_leaves_the_account(lake: Lake) -> None:
    listed(lake, "me", "a")
    listed(lake, None, "a", at=NOW + DAY)
    merge(lake)
    assert gold(lake, ACCOUNTS) == [("a", "me")]


@pytest.mark.parametrize(
    ("others", "account"), [(["me", None], "me"), (["me", "me"], "me"), (["me", "you"], None), ([], None)]
)
def test_a_restored_listing_is_of_the_account_on_which_the_others_agree(
    lake: Lake, others: list[str | None], account: str | None
) -> None:
    damaged = listed(lake, "lost", "a")
    for day, other in enumerate(others, start=1):
        listed(lake, other, "a", at=NOW + day * DAY)
    (damaged.folder / "manifest.json").write_text("{")
    found = next(listing for listing in listings(lake, "toy") if listing.name == damaged.name)
    assert (found.manifest.account, found.manifest.complete) == (account, False)


def test_a_restored_listing_of_a_month_claims_no_more_than_its_pages_show(lake: Lake) -> None:
    damaged = listed(lake, "me", "a", "b", mode="month")
    (damaged.folder / "manifest.json").write_text("{")
    (found,) = listings(lake, "toy")
    starts = found.manifest.oldest, found.manifest.newest
    assert None not in starts
    first, last = (int(start.timestamp()) for start in starts if start is not None)
    window = found.manifest.window
    assert (window.mode, window.after, window.before) == ("month", first - 1, last + 1)


def test_files_of_other_programs_among_a_provider_s_answers_are_passed_over(lake: Lake) -> None:
    listed(lake, "me", "a")
    land_file_of(lake, "a")
    (record,) = lake.files_of("toy").glob("*/*.json.gz")
    record.with_name(record.name.replace(".json.gz", " copy.json.gz")).write_bytes(record.read_bytes())
    folder = record.parent.with_name(f"{record.parent.name} copy")
    folder.mkdir()
    (folder / record.name).write_bytes(record.read_bytes())
    assert [file.activity_id for file in all_provider_files(lake)] == [hashed_id("toy", "a")]


@pytest.mark.parametrize("name", [".trash", "toy.old", "my-backup", "strava"])
def test_a_stray_folder_beside_the_providers_is_passed_over_with_one_warning(
    lake: Lake, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    (lake.providers / name / "activities").mkdir(parents=True)
    listed(lake, "me", "a")
    merge(lake)
    assert lake.listed_sources == ["strava", "toy"]
    (said,) = [record.getMessage() for record in caplog.records if name in record.getMessage()]
    assert (
        said == f"{lake.providers / name} is no provider's folder and is passed over. Move it out of {lake.providers}."
    )


@pytest.mark.parametrize("name", ["acme", "acme.old", ".trash", ""])
def test_an_unknown_provider_is_an_error_that_says_what_to_do(name: str) -> None:
    with pytest.raises(PipelineError, match=f"knows no provider {re.escape(name)}, .* move the folder away"):
        spec_of(name)


def test_a_file_whose_bytes_are_gone_comes_again_by_its_job(lake: Lake, caplog: pytest.LogCaptureFixture) -> None:
    listed(lake, "me", "a")
    land_file_of(lake, "a")
    shutil.rmtree(lake.files)
    assert read_files(lake, unread_files(lake), lambda steps: None) == 1
    assert "The next run of the job toy fetches it again, unless its activity has a track." in caplog.text
    assert "Import" not in caplog.text


def test_records_of_files_are_read_as_often_for_many_years_as_one(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    listed(lake, "me", "a", "b")
    land_file_of(lake, "a")
    land_file_of(lake, "b")
    run = run_context(Settings.load(_env_file=None, data_dir=lake.data_dir), LogProgress(logging.getLogger("run")))
    reads: list[Path] = []
    monkeypatch.setattr(providers, "record_in", lambda path, of: reads.append(path) or record_in(path, of))
    counts = []
    for years in ([2025], [2024, 2025, 2026]):
        reads.clear()
        make_tracks(run, years)
        counts.append(len(reads))
    assert counts[0] == counts[1] > 0
    reads.clear()
    assert has_provider_files(lake)
    assert not reads, "a look at the folders is enough"


@pytest.mark.parametrize(
    ("source", "mode", "request_", "is_newer_for"),
    [
        ("strava", "event", {"id": 5}, {"5"}),
        ("toy", "feed", {"id": "5"}, {"5"}),
        ("toy", "feed", {}, set()),  # what was read back after a change: its outcome is newer
        ("toy", "all", {"page": 1}, {"5", "6", None}),
        ("strava", "month", {"page": 1}, {"5", "6", None}),
    ],
)
def test_an_answer_about_one_activity_is_newer_for_that_one_alone(
    lake: Lake, source: str, mode: Mode, request_: dict[str, Any], is_newer_for: set[str | None]
) -> None:
    for name in ("strava", "toy"):
        whole = begin_listing(lake, Window(mode="all", after=None, before=None), athlete_id=7, at=NOW, source=name)
        whole.land(ReadPage([]), b"[]", {"page": 1}, NOW, YEARS)
    so_far = next_number(lake, NOW)
    listing = begin_listing(lake, Window(mode=mode, after=None, before=None), athlete_id=7, at=NOW, source=source)
    listing.land(ReadPage([]), b"[]", request_, NOW, YEARS)
    landed = newest_landings(lake)
    for place in (source, "strava" if source == "toy" else "toy"):
        changes = {
            key: Change(kind="update_name", provider=place, month="2025-05", source_id=key, new="a")
            for key in ("5", "6", None)
        }
        found = {key for key, change in changes.items() if landed.newest(change) > so_far}
        assert found == (is_newer_for if place == source else set()), place
