"""What goals.toml says of the athlete by date: in the tables of the warehouse, and in the training stress of each day."""

from datetime import date
from pathlib import Path

import pytest

from strava_pipeline.lake.gold.publish import publish, snapshot
from strava_pipeline.lake.gold.warehouse import reading, writing
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.insight_rows import ME, activity, put

pytestmark = pytest.mark.slow

GOALS = """
[[athlete]]
since = 2024-03-01
ftp = { ride = 200, run = 120 }
[[athlete]]
since = 2024-09-01
weight_kg = 70.5
heartrate_zones = { ride = [120, 150] }
[[athlete]]
since = 2025-01-01
ftp = 300
power_zones = [150, 250]
"""


@pytest.fixture
def ridden(lake: Lake, tmp_path: Path) -> Lake:
    """An hour at 240 W on days before, at and after each entry; one by somebody else; one of a file, which names nobody."""
    days = {1: "2024-02-29", 2: "2024-03-01", 3: "2024-12-31", 4: "2025-01-01", 5: "2025-06-01", 6: "2025-06-02"}
    others: dict[int, dict[str, int | None]] = {5: {"athlete_id": 8}, 6: {"athlete_id": None}}
    put(
        lake,
        [
            activity(number, f"{day}T23:59", weighted_average_watts=240.0, device_watts=True, **others.get(number, {}))
            for number, day in days.items()
        ],
    )
    put(
        lake,
        [{"athlete_id": who, "ftp": 240.0, "fetched_at": at} for who, at in ((ME, "2024-02-01"), (8, "2024-01-01"))],
        "athlete",
    )
    (tmp_path / "goals.toml").write_text(GOALS)
    return lake


def stress(lake: Lake) -> dict[int, float]:
    with snapshot(lake) as connection:
        return dict(connection.execute("SELECT activity_id, training_stress FROM counted_activities").fetchall())


@pytest.mark.dear
def test_training_stress_goes_by_what_held_on_the_day(ridden: Lake, tmp_path: Path) -> None:
    assert publish(ridden)
    then = {1: 100, 2: 144, 3: 144, 4: 64, 5: 100, 6: 64}  # 240 W of 240, 200 and 300
    assert stress(ridden) == pytest.approx(then)
    assert not publish(ridden)
    for unusable in ("[[athlete]]\nsince = 5", None):
        (tmp_path / "goals.toml").write_text(GOALS)
        publish(ridden)
        (tmp_path / "goals.toml").unlink() if unusable is None else (tmp_path / "goals.toml").write_text(unusable)
        assert publish(ridden)
        assert stress(ridden) == pytest.approx(dict.fromkeys(then, 100))


def test_a_sport_goes_by_the_threshold_of_its_group_or_by_none(ridden: Lake) -> None:
    sports = {11: "Run", 12: "EBikeRide", 13: "VirtualRide"}
    put(
        ridden,
        [
            activity(number, "2024-03-01T12:00", sport_type=sport, weighted_average_watts=240.0, device_watts=True)
            for number, sport in sports.items()
        ],
    )
    publish(ridden)
    found = stress(ridden)
    assert found[12] is None, "no threshold of e-bikes is known, and that of the profile is of rides"
    assert (found[11], found[13]) == pytest.approx((400, 144))
    with snapshot(ridden) as connection:
        load = "SELECT load FROM training_load WHERE on_day = '2024-03-01'"
        assert connection.execute(load).fetchall() == [(pytest.approx(144 + 400 + 144),)], "summed over groups"


def test_zones_are_the_own_ones_or_shares_of_the_threshold(ridden: Lake) -> None:
    publish(ridden)
    with snapshot(ridden) as connection:
        weights = connection.execute("SELECT * FROM athlete_by_date ORDER BY since").fetchall()
        held = connection.execute("FROM thresholds_by_date WHERE sport_group = 'ride' ORDER BY since").fetchall()
        others = connection.execute("SELECT DISTINCT sport_group, ftp FROM thresholds_by_date ORDER BY ALL").fetchall()
        of_rides = "FROM training_zones WHERE sport_group = 'ride' AND since >= '2024-09-01' ORDER BY ALL"
        zones = connection.execute(f"SELECT * EXCLUDE (sport_group) {of_rides}").fetchall()
    days = [date(2024, 3, 1), date(2024, 9, 1), date(2025, 1, 1), None]
    coggan, own = [110, 150, 180, 210, 240, 300], [120, 150]
    assert weights == [(days[0], days[1], None, None), (days[1], days[2], 70.5, None), (days[2], None, 70.5, None)]
    assert held == [
        (days[0], days[1], "ride", 200, *[None] * 5, coggan, None),
        (days[1], days[2], "ride", 200, *[None] * 5, coggan, own),
        (days[2], None, "ride", 300, *[None] * 5, [150, 250], own),
    ]
    assert others == [("ride", 200), ("ride", 300), ("run", 120)]
    limits = {("heartrate", 1): own, ("heartrate", 2): own, ("watts", 1): coggan, ("watts", 2): [150, 250]}
    assert zones == [
        (days[place], days[place + 1], measure, number, lower, upper, None)
        for place in (1, 2)
        for measure in ("heartrate", "watts")
        for number, (lower, upper) in enumerate(
            zip([0, *limits[measure, place]], [*limits[measure, place], None], strict=True), start=1
        )
    ]


@pytest.mark.dear
@pytest.mark.closed
def test_a_warehouse_without_the_tables_gets_them(ridden: Lake) -> None:
    with writing(ridden) as connection:
        connection.execute("DROP TABLE thresholds_by_date")
        connection.execute("UPDATE lake_meta SET value = 'of an older version' WHERE key = 'made:views'")
    with reading(ridden) as connection:
        assert connection.execute("SELECT * FROM thresholds_by_date").fetchall() == []
    publish(ridden)
    assert stress(ridden)[2] == pytest.approx(144)
