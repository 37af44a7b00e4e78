"""Gold equals the source, field by field, for a generated athlete with everything that is awkward in real life."""

import json
from typing import Any

import pytest

from strava_pipeline.core.providers import ReadPage
from strava_pipeline.emulator.generate.activities import Athlete
from strava_pipeline.emulator.service import dumps
from strava_pipeline.ingest.strava.emulator.application import EmulatorConfig
from strava_pipeline.ingest.strava.emulator.state import ActivityGenerator
from strava_pipeline.lake.bronze.answers import land_detail
from strava_pipeline.lake.gold.quality import rows_by_year
from strava_pipeline.lake.gold.warehouse import reading
from strava_pipeline.lake.imports.merge import merge_details
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.bronze import ALL, NOW, SECOND, YEARS, merge, rows, started
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.golden import detail_differences, summary_differences

COUNT = 120
PER_PAGE = 50

Document = dict[str, Any]


@pytest.fixture(scope="module")
def documents() -> list[tuple[bytes, bytes]]:
    """(summary, detail) of each activity as they go over the wire, newest first."""
    config = EmulatorConfig(now=NOW, activities=COUNT, years=(2020, 2026), seed=11, limits=None)
    made = ActivityGenerator(Athlete(config.seed, COUNT, config.years, NOW), 3_412_345_678).rows()
    return [(dumps(row.source.summary()), dumps(row.source.detail())) for row in reversed(made)]


@pytest.fixture(scope="module")
def golden(documents: list[tuple[bytes, bytes]], tmp_path_factory: pytest.TempPathFactory, new_lake: NewLake) -> Lake:
    """A lake that listed and fetched all of them."""
    lake = new_lake(tmp_path_factory.mktemp("golden") / "data")
    listing = started(lake)
    for first in [*range(0, COUNT, PER_PAGE), COUNT]:
        body = b"[" + b",".join(summary for summary, _ in documents[first : first + PER_PAGE]) + b"]"
        listing.land(ReadPage(json.loads(body)), body, {}, NOW + first * SECOND, YEARS)
    merge(lake)
    for summary, detail in documents:
        year = int(json.loads(summary)["start_date_local"][:4])
        land_detail(lake, year, json.loads(summary)["id"], detail, NOW)
    for year in ALL:
        merge_details(lake, [year])
    return lake


def parsed(documents: list[tuple[bytes, bytes]], place: int) -> list[Document]:
    return [json.loads(pair[place]) for pair in documents]


@pytest.mark.slow
def test_every_field_of_every_summary_is_in_gold(golden: Lake, documents: list[tuple[bytes, bytes]]) -> None:
    assert summary_differences(golden, parsed(documents, 0)) == []


@pytest.mark.slow
def test_each_field_of_a_detail_and_its_nests_is_in_gold(golden: Lake, documents: list[tuple[bytes, bytes]]) -> None:
    details = parsed(documents, 1)
    assert sum(len(each.get("segment_efforts") or ()) for each in details) > COUNT / 2
    assert detail_differences(golden, details) == []


def test_activities_stand_in_the_year_of_local_start(golden: Lake, documents: list[tuple[bytes, bytes]]) -> None:
    expected = {each["id"]: int(each["start_date_local"][:4]) for each in parsed(documents, 0)}
    assert {row["id"]: row["year"] for row in rows(golden)} == expected
    with reading(golden) as connection:
        assert sum(rows_by_year(connection, "activity_details").values()) == COUNT


def test_gold_says_whose_every_row_is(golden: Lake, documents: list[tuple[bytes, bytes]]) -> None:
    athlete = parsed(documents, 0)[0]["athlete"]["id"]
    for table in ("activities_all", "activity_details", "activity_splits_metric", "activity_segment_efforts"):
        assert {row["athlete_id"] for row in rows(golden, table)} == {athlete}
        assert {row["source"] for row in rows(golden, table)} == {"strava"}


@pytest.mark.slow
def test_a_comparison_would_see_a_single_field_that_differs(golden: Lake, documents: list[tuple[bytes, bytes]]) -> None:
    summaries, details = parsed(documents, 0), parsed(documents, 1)
    summaries[0]["kudos_count"] += 1
    del summaries[1]["map"]["summary_polyline"]
    seen = [text.split()[:2] for text in summary_differences(golden, summaries)]
    assert seen == [
        [str(summaries[0]["id"]), "kudos_count:"],
        [str(summaries[0]["id"]), "extra:"],
        [str(summaries[1]["id"]), "summary_polyline:"],
    ]
    spoilt = next(each for each in details if each.get("segment_efforts"))
    spoilt["segment_efforts"][0]["segment"]["name"] += "!"
    text = "\n".join(detail_differences(golden, details))
    assert "segment_efforts[1] segment_name:" in text
    assert "segment_efforts[1] segment:" in text
