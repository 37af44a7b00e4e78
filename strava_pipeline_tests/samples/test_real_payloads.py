"""Real payloads of real athletes, through the whole lake: gold equals the source, field by field.

They lie in ../shared/samples beside the checkout and are no part of this repository; nothing of them is copied here.
Deselected by default (`-m samples` runs them), and then red where they are absent.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.tables import ATHLETE, GEAR
from strava_pipeline.lake.bronze.answers import land_athlete, land_gear
from strava_pipeline.lake.gold.merge_details import merge_profile
from strava_pipeline.lake.gold.publish import publish, snapshot
from strava_pipeline.lake.gold.warehouse import writing
from strava_pipeline.lake.imports.merge import merge_details
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.core.fidelity import differences
from strava_pipeline_tests.lake.bronze import NOW, activity, detailed, listed, merge, queried, row, rows
from strava_pipeline_tests.lake.golden import detail_differences, summary_differences

pytestmark = pytest.mark.samples

SAMPLES = Path(__file__).parents[2].parent / "shared" / "samples"
STRAVA = SAMPLES / "strava"
SUMMARIES = ["summary/summary_2021_30", "summary/summary_2025_98", "bzimmer/activities", "models/summary_activity"]
DETAILS = [
    "detailed/desirelines_activity_1",
    "detailed/desirelines_activity_2",
    "detailed/runpandas_4437021783_detailed",
    "detailed/stravalib_activity-manual.3",
    "detailed/stravalib_activity.3",
    "bzimmer/activity",
    "bzimmer/activity_with_polyline",
    "models/detailed_activities/ride",
    "models/detailed_activities/run",
    "models/detailed_activities/swim",
]

Document = dict[str, Any]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """An empty lake."""
    return Lake(tmp_path / "data")


def read(name: str) -> Any:
    return json.loads((STRAVA / f"{name}.json").read_bytes())


def objects(name: str) -> list[Document]:
    found = read(name)
    return found if isinstance(found, list) else [found]


def merged_details(lake: Lake, details: Iterable[Document]) -> list[Document]:
    found = list(details)
    detailed(lake, *found)
    merge_details(lake, [2025])
    return found


def test_the_samples_are_there() -> None:
    assert STRAVA.is_dir(), f"{STRAVA} is absent"


def test_every_file_of_these_folders_is_read_by_a_test_here() -> None:
    known = {STRAVA / f"{name}.json" for name in [*SUMMARIES, *DETAILS]}
    shaped = {
        path
        for folder in ("summary", "detailed", "bzimmer", "models/detailed_activities")
        for path in (STRAVA / folder).glob("*.json")
        if not path.name.endswith(".ORACLE.json") and _is_activity(json.loads(path.read_bytes()))
    }
    assert shaped <= known
    assert all(path.is_file() for path in known)


def _is_activity(found: Any) -> bool:
    first = found[0] if isinstance(found, list) else found
    return isinstance(first, dict) and {"id", "moving_time", "start_date"} <= first.keys()


@pytest.mark.parametrize("name", SUMMARIES)
def test_gold_equals_the_listed_summaries_field_by_field(lake: Lake, name: str) -> None:
    summaries = objects(name)
    listed(lake, *(summaries[first : first + 30] for first in range(0, len(summaries), 30)))
    assert merge(lake).inserted == len(summaries)
    assert summary_differences(lake, summaries) == []


@pytest.mark.parametrize("name", DETAILS)
def test_gold_equals_a_detail_field_by_field_with_all_it_nests(lake: Lake, name: str) -> None:
    assert detail_differences(lake, merged_details(lake, objects(name))) == []


@pytest.mark.parametrize("name", [*SUMMARIES, *DETAILS])
def test_a_real_payload_has_no_value_that_does_not_fit_its_column(lake: Lake, name: str) -> None:
    listed(lake, objects(name))
    merge(lake)
    columns = set(rows(lake)[0])
    for found in rows(lake):
        assert not columns.intersection(json.loads(found["extra"] or "{}"))


@pytest.mark.parametrize("name", DETAILS)
def test_a_detail_that_is_listed_is_kept_whole_too(lake: Lake, name: str) -> None:
    listed(lake, objects(name))
    merge(lake)
    assert summary_differences(lake, objects(name)) == []


@pytest.mark.parametrize("name", ["summary/summary_2021_30", "summary/summary_2025_98"])
def test_the_totals_are_those_of_the_oracle(lake: Lake, name: str) -> None:
    oracle = read(f"{name}.ORACLE")
    listed(lake, objects(name))
    merge(lake)
    publish(lake)
    with snapshot(lake) as connection:
        (totals,) = queried(
            connection,
            """
            SELECT count(*) AS count, count(DISTINCT id) AS unique_ids, count(DISTINCT athlete_id) AS athletes,
                round(sum(distance), 1) AS total_distance_m, sum(moving_time)::BIGINT AS total_moving_s,
                sum(elapsed_time)::BIGINT AS total_elapsed_s, round(sum(total_elevation_gain), 1) AS total_gain_m,
                strftime(min(start_date), '%Y-%m-%dT%H:%M:%SZ') AS first_start,
                strftime(max(start_date), '%Y-%m-%dT%H:%M:%SZ') AS last_start,
                count(*) FILTER (start_date_local::DATE <> timezone('UTC', start_date)::DATE) AS local_date_differs_from_utc,
                count(*) FILTER (distance = 0) AS zero_distance,
                count(*) FILTER (trainer) AS trainer, count(*) FILTER (manual) AS manual,
                count(*) FILTER (start_latlng = []) AS latlng_empty_list,
                count(*) FILTER (start_latlng IS NULL) AS latlng_null,
                count(*) FILTER (summary_polyline = '') AS polyline_empty,
                count(*) FILTER (type <> sport_type) AS type_ne_sport_type
            FROM activities
            """,
        )
        assert totals == {key: oracle[key] for key in totals}
        per_year = queried(
            connection,
            "SELECT year, count(*) AS n, round(sum(distance), 1) AS distance, sum(moving_time)::BIGINT AS moving "
            "FROM activities GROUP BY year ORDER BY year",
        )
        assert {str(each["year"]): [each["n"], each["distance"], each["moving"]] for each in per_year} == oracle[
            "per_local_year"
        ]
        types = queried(
            connection, "SELECT coalesce(sport_type, type) AS name, count(*) AS n FROM activities GROUP BY 1"
        )
        assert {each["name"]: each["n"] for each in types} == oracle["types"]
        zones = queried(connection, "SELECT timezone AS name, count(*) AS n FROM activities GROUP BY 1")
        assert {each["name"]: each["n"] for each in zones} == oracle["timezones"]
        for column, nulls in oracle["null_values"].items():
            (found,) = queried(connection, f'SELECT count(*) - count("{column}") AS nulls FROM activities')
            absent = oracle["count"] - oracle["keys_sometimes"].get(column, oracle["count"])
            assert found["nulls"] == nulls + absent, column
        for column, present in oracle["keys_sometimes"].items():
            (found,) = queried(connection, f'SELECT count("{column}") AS present FROM activities')
            assert found["present"] == present - oracle["null_values"].get(column, 0), column


def test_running_page_s_own_shape_goes_through_with_its_own_fields_in_extra(lake: Lake) -> None:
    runs = json.loads((SAMPLES / "running_page" / "activities_61.json").read_bytes())
    # its activities are called run_id; everything else is as it stands there
    summaries = [{"id": run["run_id"], **run} for run in runs]
    listed(lake, summaries)
    assert merge(lake).inserted == len(runs)
    assert summary_differences(lake, summaries) == []
    assert round(sum(found["distance"] for found in rows(lake)), 1) == 214_255.9  # measured: samples/INDEX.md


@pytest.mark.parametrize(
    "name", ["athlete/athlete.2", "athlete/athlete.3", "bzimmer/athlete", "models/detailed_athlete"]
)
def test_an_athlete_goes_through_whole(lake: Lake, name: str) -> None:
    athlete = read(name)
    land_athlete(lake, json.dumps(athlete).encode(), NOW)
    with writing(lake) as connection:
        merge_profile(connection, lake)
    assert differences(athlete, row(lake, "athlete"), ATHLETE) == []


@pytest.mark.parametrize("name", ["models/detailed_gear/bike", "models/detailed_gear/shoe", "models/summary_gear"])
def test_gear_goes_through_whole(lake: Lake, name: str) -> None:
    gear = read(name)
    land_gear(lake, gear["id"], json.dumps(gear).encode(), NOW)
    with writing(lake) as connection:
        merge_profile(connection, lake)
    found = row(lake, "gear")
    assert found["gear_id"] == gear.pop("id")
    assert differences(gear, found, GEAR) == []


def test_a_real_listing_between_others_moves_only_what_changed(lake: Lake) -> None:
    summaries = objects("summary/summary_2025_98")
    listed(lake, summaries, [activity(1)])
    merge(lake)
    edited = [{**summaries[0], "name": "edited"}, *summaries[1:]]
    listed(lake, edited, at=NOW.replace(day=2))
    report = merge(lake)
    assert (report.inserted, report.updated) == (0, 1)
    assert summary_differences(lake, [*edited, activity(1)]) == []
