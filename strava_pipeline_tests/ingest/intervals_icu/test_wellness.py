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
