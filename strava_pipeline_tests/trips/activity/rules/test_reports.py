"""core.trips.activity.reports: many trips as one output, the same for the same trips, in any batches."""

import json
from collections.abc import Sequence

from strava_pipeline.trips.activity.rules.bundle import Bundle
from strava_pipeline.trips.activity.rules.diagnosis import Diagnosed, diagnose
from strava_pipeline.trips.activity.rules.report import explanation_parts, json_parts, page_parts, text_parts
from strava_pipeline.trips.activity.rules.thresholds import thresholds
from strava_pipeline_tests.trips.activity.rules.made import ride

LIMITS = thresholds()
TRIPS = [ride("b", 18), ride("a", 60, status="rejected"), Bundle("nothing")]
USED, COUNTS = {"0": 2, "1": 1}, {"locations": {"ok": 2, "absent": 1}}


def batches(*sizes: Sequence[Bundle]) -> list[list[Diagnosed]]:
    return [diagnose(bundles, LIMITS) for bundles in sizes]


def as_json(*sizes: Sequence[Bundle]) -> bytes:
    return b"".join(json_parts(batches(*sizes), LIMITS, lambda: (USED, COUNTS)))


def as_text(*sizes: Sequence[Bundle], sketched: bool = False) -> str:
    return b"".join(text_parts(batches(*sizes), LIMITS, sketched=sketched)).decode()


def test_the_json_names_the_thresholds_and_keeps_the_order() -> None:
    whole = json.loads(as_json(TRIPS))
    assert (whole["format"], whole["thresholds_version"]) == ("activity-trip-diagnosis/1", "cycling-2026.1")
    assert (whole["keys_used"], whole["counts"]) == (USED, COUNTS)
    assert [trip["externalId"] for trip in whole["trips"]] == ["b", "a", "nothing"]


def test_batches_make_no_difference() -> None:
    assert as_json(TRIPS) == as_json(TRIPS[:1], [], TRIPS[1:])
    assert as_text(TRIPS) == as_text(TRIPS[:2], TRIPS[2:])


def test_no_trip_is_an_output_all_the_same() -> None:
    assert json.loads(as_json())["trips"] == []
    assert "trips" in as_text()


def test_one_trip_is_its_report_and_several_end_with_a_line_each() -> None:
    alone = as_text(TRIPS[:1])
    assert alone.startswith("b: ACCEPTED")
    assert "vs stored" not in alone.splitlines()[0]
    several = as_text(TRIPS)
    assert several.startswith(alone.rstrip("\n"))
    assert several.rstrip().rpartition("═")[2].count("\n") > len(TRIPS)


def test_a_sketch_is_drawn_only_when_asked_for() -> None:
    assert "Track" not in as_text(TRIPS[:1])
    assert "Track" in as_text(TRIPS[:1], sketched=True)


def test_an_explanation_is_the_beginning_of_the_report() -> None:
    told = b"".join(explanation_parts(batches(TRIPS[:1]), LIMITS)).decode()
    assert as_text(TRIPS[:1]).startswith(told.rstrip("\n"))
    assert b"".join(explanation_parts(batches(TRIPS), LIMITS)).count(b"why ") == len(TRIPS)


def test_the_page_holds_every_trip() -> None:
    page = b"".join(page_parts(batches(TRIPS), LIMITS)).decode()
    assert page.lstrip().startswith("<!")
    assert all(f">{name}<" in page for name in ("a", "b", "nothing"))
