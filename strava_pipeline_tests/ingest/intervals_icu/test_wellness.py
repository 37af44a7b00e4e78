"""Days at intervals.icu: what was measured on each, and nothing that is only carried on."""

from strava_pipeline.ingest.intervals_icu.wellness import read_wellness


def test_a_weight_or_resting_heart_rate_of_an_earlier_day_is_of_that_day_alone() -> None:
    row = {"weight": 71.5, "restingHR": 48, "tempWeight": False, "tempRestingHR": False}
    rows = [
        {"id": "2026-03-01", **row},
        {"id": "2026-03-02", **row, "tempWeight": True},
        {"id": "2026-03-03", **row, "tempRestingHR": True},
    ]
    answer = {"part": "all", "first": "2026-03-01", "last": "2026-03-03", "answer": rows}
    weight, heart = {"weight_kg": 71.5}, {"resting_heartrate": 48.0}
    assert [numbers for _, numbers in read_wellness(answer)] == [weight | heart, heart, weight]


def test_a_variability_of_255_is_a_byte_in_which_nothing_stands() -> None:
    """As a watch of Amazfit sent it."""
    rows = [{"id": f"2026-03-0{day}", "hrv": hrv} for day, hrv in ((1, 61), (2, 255), (3, 255.0))]
    answer = {"part": "all", "first": "2026-03-01", "last": "2026-03-03", "answer": rows}
    assert [numbers for _, numbers in read_wellness(answer)] == [{"hrv_rmssd": 61.0}, {}, {}]
