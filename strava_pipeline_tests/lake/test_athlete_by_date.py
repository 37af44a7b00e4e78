"""What goals.toml says of the athlete by date: in the tables of the warehouse, and in the training stress of each day."""

from datetime import date
from pathlib import Path

import pytest

from strava_pipeline.lake.gold.publish import publish, snapshot
from strava_pipeline.lake.gold.warehouse import reading, writing
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.insight_rows import ME, activity, put

GOALS = """
[[athlete]]
since = 2024-03-01
ftp = 200
[[athlete]]
since = 2024-09-01
weight_kg = 70.5
heartrate_zones = [120, 150]
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


def test_zones_are_the_own_ones_or_shares_of_the_threshold(ridden: Lake) -> None:
    publish(ridden)
    with snapshot(ridden) as connection:
        held = connection.execute("SELECT * FROM athlete_by_date ORDER BY since").fetchall()
        zones = connection.execute("SELECT * FROM training_zones WHERE since >= '2024-09-01' ORDER BY ALL").fetchall()
    days = [date(2024, 3, 1), date(2024, 9, 1), date(2025, 1, 1), None]
    coggan, own = [110, 150, 180, 210, 240, 300], [120, 150]
    assert held == [
        (days[0], days[1], 200, None, None, coggan, None),
        (days[1], days[2], 200, None, 70.5, coggan, own),
        (days[2], None, 300, None, 70.5, [150, 250], own),
    ]
    limits = {("heartrate", 1): own, ("heartrate", 2): own, ("watts", 1): coggan, ("watts", 2): [150, 250]}
    assert zones == [
        (days[place], days[place + 1], measure, number, lower, upper)
        for place in (1, 2)
        for measure in ("heartrate", "watts")
        for number, (lower, upper) in enumerate(
            zip([0, *limits[measure, place]], [*limits[measure, place], None], strict=True), start=1
        )
    ]


@pytest.mark.closed
def test_a_warehouse_without_the_tables_gets_them(ridden: Lake) -> None:
    with writing(ridden) as connection:
        connection.execute("DROP TABLE athlete_by_date")
        connection.execute("UPDATE lake_meta SET value = 'of an older version' WHERE key = 'derived'")
    with reading(ridden) as connection:
        assert connection.execute("SELECT * FROM athlete_by_date").fetchall() == []
    publish(ridden)
    assert stress(ridden)[2] == pytest.approx(144)
