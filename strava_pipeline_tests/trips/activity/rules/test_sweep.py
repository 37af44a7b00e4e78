"""Sweep: sets of thresholds as they are typed, what each comes to, and which is best."""

import orjson
import pytest

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.trips.activity.rules.metrics import metrics_rows
from strava_pipeline.trips.activity.rules.sweep import Sweep, threshold_sets
from strava_pipeline.trips.activity.rules.thresholds import Thresholds, thresholds
from strava_pipeline.trips.activity.rules.verdict import Algorithm, Halves, find_algorithm, judge
from strava_pipeline_tests.trips.activity.rules.made import ride

TRIPS = [
    ride("fast rider", 30, status="accepted", review_status="approved"),
    ride("slow car", 32, status="accepted", review_status="rejected"),
    ride("rider", 18, status="rejected", review_status="approved"),
    ride("unlabelled", 31, status="accepted"),
]


def named(
    sets: list[str] | None = None, grids: list[str] | None = None, *, cartesian: bool = False
) -> dict[str, dict[str, float]]:
    made = threshold_sets(thresholds(), sets or [], grids or [], cartesian=cartesian)
    return {chosen.name: dict(chosen.changes) for chosen in made[1:]}


def test_sets_are_known_by_their_names_and_grids_by_their_values() -> None:
    assert named(["strict=max_avg_speed_kmh=25,min_points=20"]) == {
        "strict": {"max_avg_speed_kmh": 25, "min_points": 20}
    }
    assert named(grids=["max_avg_speed_kmh=20, 25.5,20.0", "min_points=5"]) == {
        "max_avg_speed_kmh=20": {"max_avg_speed_kmh": 20},
        "max_avg_speed_kmh=25.5": {"max_avg_speed_kmh": 25.5},
        "min_points=5": {"min_points": 5},
    }
    assert list(named(grids=["min_points=5,6", "max_gap_share=0.1,0.2"], cartesian=True)) == [
        "min_points=5,max_gap_share=0.1",
        "min_points=5,max_gap_share=0.2",
        "min_points=6,max_gap_share=0.1",
        "min_points=6,max_gap_share=0.2",
    ]
    assert named(cartesian=True) == {}


def test_the_baseline_is_always_among_them() -> None:
    (baseline,) = threshold_sets(thresholds())
    assert (baseline.name, baseline.thresholds, baseline.changes) == ("baseline", thresholds(), {})


@pytest.mark.parametrize(
    ("sets", "grids", "said"),
    [
        (["max_avg_speed_kmh=20"], [], "write name=key=value"),
        (["strict"], [], "write name=key=value"),
        (["=min_points=2"], [], "write name=key=value"),
        (["a=min_points=2,min_points=3"], [], "each key once"),
        (["a=min_points=many"], [], "many is no number"),
        (["a=min_points="], [], "nothing is no number"),
        (["a=min_dots=2"], [], "min_dots is no threshold. There are: min_points"),
        (["a=min_points=nan"], [], "from 0 on"),
        ([], ["min_points=-1"], "from 0 on"),
        ([], ["min_points"], "write key=a,b,c"),
        ([], ["min_points=5,"], "nothing is no number"),
        (["a=min_points=2", "a=min_points=3"], [], "two sets are called a"),
        (["baseline=min_points=2"], [], "two sets are called baseline"),
    ],
)
def test_what_makes_no_set_is_refused_with_how_to_write_one(sets: list[str], grids: list[str], said: str) -> None:
    with pytest.raises(MisuseError, match=said):
        threshold_sets(thresholds(), sets, grids)


def swept(*batches: list[int]) -> Sweep:
    sweep = Sweep(find_algorithm("2026.1"), threshold_sets(thresholds(), grids=["max_avg_speed_kmh=31.5,29,17"]))
    for batch in batches:
        sweep.add([TRIPS[index] for index in batch])
    return sweep


def test_every_set_is_counted_scored_ranked_and_tells_which_trips_it_moved() -> None:
    told = swept([0, 1, 2, 3]).as_json()
    counts = {name: tuple(confusion.values()) for name, confusion in told["confusion"].items()}
    assert list(told["confusion"]["baseline"])[:4] == ["TP", "FP", "TN", "FN"]
    assert counts == {  # TP, FP, TN, FN, to review, better, same, worse, changed
        "baseline": (2, 1, 0, 0, 0, 0, 1, 3, 0, 0),
        "max_avg_speed_kmh=31.5": (2, 0, 1, 0, 0, 0, 2, 2, 0, 0),
        "max_avg_speed_kmh=29": (1, 0, 1, 1, 0, 0, 2, 0, 1, 1),
        "max_avg_speed_kmh=17": (0, 0, 1, 2, 0, 0, 1, 1, 1, 1),
    }
    assert told["scores"]["baseline"] == {"precision": 2 / 3, "recall": 1.0, "f1": 0.8}
    assert told["scores"]["max_avg_speed_kmh=17"] == {"precision": None, "recall": 0.0, "f1": None}
    assert told["ranking"] == ["max_avg_speed_kmh=31.5", "baseline", "max_avg_speed_kmh=29", "max_avg_speed_kmh=17"]
    assert told["moved"]["baseline"] == []
    assert told["moved"]["max_avg_speed_kmh=31.5"] == [
        {"externalId": "slow car", "baseline": "accepted", "new": "rejected", "label": "not_ride"}
    ]
    moved = [trip["externalId"] for trip in told["moved"]["max_avg_speed_kmh=29"]]
    assert moved == ["fast rider", "slow car", "unlabelled"]


def test_equally_good_sets_are_ranked_by_name() -> None:
    sweep = Sweep(find_algorithm("2026.1"), threshold_sets(thresholds(), ["b=min_points=9", "a=min_points=8"]))
    sweep.add(TRIPS)
    assert [result.name for result in sweep.results()] == ["a", "b", "baseline"]


def test_the_same_trips_give_the_same_bytes_however_they_come() -> None:
    assert orjson.dumps(swept([0], [1, 2], [3]).as_json()) == orjson.dumps(swept([0, 1, 2, 3]).as_json())


def test_metrics_are_computed_once_for_all_sets_that_share_them() -> None:
    measured = []

    def measure(bundles, chosen: Thresholds):  # type: ignore[no-untyped-def]
        measured.append(chosen.inside_metrics)
        return metrics_rows(bundles, chosen)

    counting = Algorithm("cycling", "2026.1", find_algorithm("2026.1").decide, Halves(measure, judge))
    grids = ["max_avg_speed_kmh=20,25,30", "min_points=5,6", "gap_s=10,20"]
    Sweep(counting, threshold_sets(thresholds(), grids=grids)).add(TRIPS)
    assert len(measured) == len(set(measured)) == 3  # the baseline's, and one for each gap_s
