"""The made-up trips of ../shared/samples/trips: every number, verdict, explanation, label and count equals what is expected.

Deselected by default (`-m samples` runs them), and then red where they are absent.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.trips.activity.rules.bundle import Bundle
from strava_pipeline.trips.activity.rules.explanation import nearest_flip
from strava_pipeline.trips.activity.rules.metrics import metrics_of, metrics_rows
from strava_pipeline.trips.activity.rules.replay import outcome, stored_verdict, truth
from strava_pipeline.trips.activity.rules.sweep import Sweep, threshold_sets
from strava_pipeline.trips.activity.rules.thresholds import thresholds
from strava_pipeline.trips.activity.rules.verdict import Decision, find_algorithm, judge

pytestmark = pytest.mark.samples

SAMPLES = Path(__file__).parents[3].parent / "shared" / "samples" / "trips"
IDS = [f"T{number:06d}" for number in range(16)]


def read(name: str) -> Any:
    return json.loads((SAMPLES / name).read_bytes())


@pytest.fixture(scope="module")
def bundles() -> dict[str, Bundle]:
    return {bundle.external_id: bundle for bundle in map(Bundle.from_json, read("plain_export.json"))}


@pytest.fixture(scope="module")
def expected() -> dict[str, dict[str, Any]]:
    return {trip["externalId"]: trip for trip in read("expected.json")["trips"]}


def judged(bundle: Bundle) -> Decision:
    return judge(bundle.decryption.locations, metrics_of(bundle, thresholds()), thresholds())


def test_these_are_all_the_trips(bundles: dict[str, Bundle], expected: dict[str, Any]) -> None:
    assert list(bundles) == list(expected) == IDS


def test_the_thresholds_are_the_expected_ones() -> None:
    assert thresholds().version == read("expected.json")["thresholds_version"]
    assert dict(thresholds().values) == read("expected.json")["thresholds"]


@pytest.mark.parametrize("external_id", IDS)
def test_every_metric_is_as_expected(bundles: dict[str, Bundle], expected: dict[str, Any], external_id: str) -> None:
    found, wanted = metrics_of(bundles[external_id], thresholds()), expected[external_id]["metrics"]
    for name, value in wanted.items():
        if isinstance(value, float | dict):
            assert found[name] == pytest.approx(value, rel=1e-6, abs=0), name
        else:
            assert found[name] == value, name
    assert found.keys() - wanted.keys() == {"distance_route_m", "route_ratio"}


@pytest.mark.parametrize("external_id", IDS)
def test_every_verdict_and_explanation_is_the_expected_one(
    bundles: dict[str, Bundle], expected: dict[str, Any], external_id: str
) -> None:
    bundle, wanted = bundles[external_id], expected[external_id]
    decision = judged(bundle)
    assert (decision.verdict, list(decision.reasons), decision.primary) == (
        wanted["verdict"],
        wanted["reasons"],
        wanted["primary"],
    )
    flip = nearest_flip(decision, thresholds())
    if wanted["nearest_flip"] is None:
        assert flip is None
        return
    assert flip is not None
    assert flip.to == wanted["nearest_flip"]["to"]
    assert [asdict(change) for change in flip.changes] == [
        {name: pytest.approx(value, rel=1e-6) if isinstance(value, float) else value for name, value in change.items()}
        for change in wanted["nearest_flip"]["changes"]
    ]


@pytest.mark.parametrize("external_id", IDS)
def test_labels_and_outcomes_are_right(bundles: dict[str, Bundle], expected: dict[str, Any], external_id: str) -> None:
    bundle, wanted = bundles[external_id], expected[external_id]
    told = truth(bundle)
    assert (told and told.label, told and told.source) == (wanted["label"], wanted["label_source"])
    assert outcome(stored_verdict(bundle), judged(bundle).verdict, told and told.label) == wanted["outcome_vs_stored"]
    assert (bundle.diagnostic is not None) == wanted["has_diagnostic"]
    assert bundle.decryption.key_index == wanted["key_index"]


def test_the_trips_measured_together_are_the_trips_measured_one_by_one(bundles: dict[str, Bundle]) -> None:
    together = metrics_rows(list(bundles.values()), thresholds())
    assert together == [metrics_of(bundle, thresholds()) for bundle in bundles.values()]


def test_a_sweep_counts_every_set_as_expected(bundles: dict[str, Bundle]) -> None:
    wanted = read("expected.json")["confusion"]
    grids = ["max_avg_speed_kmh=20,25,30,35,45", "max_teleport_share=0.01"]
    sweep = Sweep(find_algorithm("2026.1"), threshold_sets(thresholds(), grids=grids))
    for start in range(0, len(IDS), 5):
        sweep.add(list(bundles.values())[start : start + 5])
    found = {made.name: made.confusion.as_json() for made in sweep.results()}
    assert {name: {key: found[name][key] for key in counts} for name, counts in wanted.items()} == wanted
