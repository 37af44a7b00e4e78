"""`why` as a person types it: the sentence, the reasons, JSON, and what is misspelt."""

import json
from pathlib import Path

import pytest

from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import put
from strava_pipeline_tests.lookups.test_why import ROWS_2025
from strava_pipeline_tests.verbs.conftest import Type

pytestmark = pytest.mark.slow


@pytest.fixture
def lake(tmp_path: Path, new_lake: NewLake, monkeypatch: pytest.MonkeyPatch) -> Lake:
    made = new_lake(tmp_path / "data")
    put(made, ROWS_2025)
    publish(made)
    monkeypatch.setenv("STRAVA_DATA_DIR", str(made.data_dir))
    return made


def test_why_says_what_counts_and_how_services_differ(lake: Lake, type_in: Type) -> None:
    shown = type_in("why", "distance", "--year", "2025", "--sport", "ride")
    assert shown.code == 0
    for said in ("distance: 317.20 km", "garmin", "only here", "it is of another sport", "FROM counted_activities"):
        assert said in shown.out
    answer = json.loads(type_in("why", "distance", "--from", "2025-02-01", "--to", "2025-02-01", "--json").out)
    assert (answer["number"], {row["on_day"] for row in answer["rows"].values()}) == (40_100.0, {"2025-02-01"})
    assert {*json.loads(type_in("schema", "why", "--json").out)["numbers"]} >= {"distance", "time", "load"}


def test_a_misspelt_number_sport_or_day_is_a_sentence(lake: Lake, type_in: Type) -> None:
    for words, said in (
        (("distanc",), "schema why"),
        (("distance", "--sport", "bike"), "no activity has it"),
        (("distance", "--gear", "strava:b7"), "no activity has it"),
        (("distance", "--from", "2025"), "%Y-%m-%d"),
    ):
        shown = type_in("why", *words)
        assert shown.code == 2
        assert said in shown.err
        assert "Traceback" not in shown.err
