"""The sample scenarios posted over HTTP to an intake whose cars follow them: gold has the trips that a replay of them gives."""

import json
from collections.abc import Callable

import pytest

from strava_pipeline_tests.rig import Rig
from strava_pipeline_tests.trips.car.phones import phones, post, settled
from strava_pipeline_tests.trips.car.test_assets import assert_same, expected
from strava_pipeline_tests.trips.car.test_sample_scenarios import SCENARIOS

pytestmark = pytest.mark.samples


def test_each_scenario_comes_to_the_same_trips(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(activities=1)
    document = json.loads(SCENARIOS.read_bytes())
    for number, scenario in enumerate(document["scenarios"]):
        scenario["config"]["user_id"] = f"user-{number}"  # they are all at the same time
    with phones(rig, document) as url:
        for number, scenario in enumerate(document["scenarios"]):
            post(url, scenario["steps"], number)
            settled(url, number)
        rig.do("car_trips", pings={"safety_net": False})
    trips = expected(document)
    assert len(trips) == 5
    assert_same(rig, trips)
