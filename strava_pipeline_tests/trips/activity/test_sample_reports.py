"""The reports of the sample trips: the JSON is the expected one, and nothing that is shown holds a position."""

import json
import re
from pathlib import Path

import pytest

from strava_pipeline.trips.activity.rules.bundle import Bundle
from strava_pipeline.trips.activity.rules.diagnosis import Diagnosed, diagnose
from strava_pipeline.trips.activity.rules.report import json_parts, page_parts, text_parts
from strava_pipeline.trips.activity.rules.thresholds import thresholds

pytestmark = pytest.mark.samples
SAMPLES = Path(__file__).parents[3].parent / "shared" / "samples" / "trips"
LIMITS = thresholds()


@pytest.fixture(scope="module")
def trips() -> list[Diagnosed]:
    return diagnose([Bundle.from_json(one) for one in json.loads((SAMPLES / "plain_export.json").read_bytes())], LIMITS)


def test_nothing_that_is_shown_holds_a_position(trips: list[Diagnosed]) -> None:
    shown = [*text_parts([trips], LIMITS, sketched=True), *page_parts([trips], LIMITS)]
    shown += json_parts([trips], LIMITS, lambda: ({}, {}))
    numbers = set(re.findall(r"\d+\.\d{3,}", b"".join(shown).decode()))
    assert len(numbers) > 100
    degrees = {
        str(abs(location[name]))
        for trip in trips
        for location in trip.bundle.locations
        for name in ("latitude", "longitude")
    }
    assert not numbers & degrees
