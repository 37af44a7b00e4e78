"""The contract of days and nights: what a source says of them now is what the tables say, whatever it said before."""

from datetime import date, timedelta
from typing import Any

from strava_pipeline.lake.gold.days import sync_days
from strava_pipeline.lake.gold.warehouse import writing
from strava_pipeline.lake.rebuild import rebuild
from strava_pipeline.operations.days import DaysFetched, pull_days
from strava_pipeline.operations.options import ListingOptions
from strava_pipeline.operations.source import Source
from strava_pipeline.testing.worlds import World

Row = tuple[Any, ...]


def pull(world: World, mode: Any = "incremental", *years: int) -> DaysFetched:
    """A run's steps about days."""
    run = world.run()
    source = Source(world.subject.name, world.settings, run)
    report = pull_days(run, source, ListingOptions(mode=mode), years, asset="bronze_wellness")
    assert report.stopped is None
    with writing(run.lake) as connection:
        sync_days(connection, run.lake)
    assert report.numbers is not None
    (fetched,) = report.numbers
    assert isinstance(fetched, DaysFetched)
    return fetched


def values(world: World, day: date) -> dict[str, float]:
    """What `day_values` has of a day."""
    return dict(world.gold(f"SELECT measure, value FROM day_values WHERE day = '{day}' ORDER BY ALL"))


class DaysContract:
    """The contract of a source with days and nights."""

    def test_what_it_says_of_a_day_now_counts(self, world: World) -> None:
        """A revised day, a late night, a value that is gone, a break, an old year, and a rebuild: one after the other."""
        world.need_kind("wellness")
        subject, today = world.subject, world.subject.clock.now().date()
        yesterday, old = today - timedelta(days=1), date(today.year - 1, 1, 1)
        subject.put_day(yesterday, resting_heartrate=48, weight_kg=71.5, steps=0)
        subject.put_day(old, resting_heartrate=51, asleep_seconds=25_200, hrv_rmssd=61)
        subject.put_day(today + timedelta(days=1), resting_heartrate=50)
        first = pull(world)
        assert values(world, yesterday) == {"resting_heartrate": 48, "steps": 0, "weight_kg": 71.5}
        assert values(world, old) == {"asleep_seconds": 25_200, "hrv_rmssd": 61, "resting_heartrate": 51}
        assert values(world, today + timedelta(days=1)) == {}, "it is only projected"
        assert first.years_asked[:2] == [today.year, today.year - 1]
        subject.put_day(yesterday, resting_heartrate=-1, weight_kg=0, steps=12_000, asleep_seconds=24_000)
        quiet = pull(world)
        assert values(world, yesterday) == {"asleep_seconds": 24_000, "steps": 12_000}
        assert (quiet.years_asked, quiet.calls <= 4) == ([], True)
        subject.put_day(old)
        subject.clock.advance(11 * 86_400)
        subject.put_day(today + timedelta(days=2), steps=9_000)
        pull(world)
        assert values(world, today + timedelta(days=2)) == {"steps": 9_000}, (
            "all days since the last time are asked for"
        )
        subject.clock.advance(20 * 86_400)
        assert pull(world).years_asked[:2] == [today.year, today.year - 1]
        assert values(world, old) == {}
        _is_the_same_from_bronze(world)

    def test_a_chosen_year_is_asked_for_whenever_it_is_chosen(self, world: World) -> None:
        world.need_kind("wellness")
        day = date(2016, 3, 27)
        world.subject.put_day(day, asleep_seconds=20_000)
        assert pull(world, "year", 2016).years_asked == [2016]
        assert pull(world, "year", 2016).years_asked == [2016]
        (night,) = world.gold(f"SELECT asleep_seconds, asleep_seconds_source FROM nights WHERE day = '{day}'")
        assert night == (20_000, world.subject.name)


def _is_the_same_from_bronze(world: World) -> None:
    def rows() -> list[Row]:
        return world.gold("FROM day_values ORDER BY ALL")

    known = rows()
    run = world.run()
    rebuild(run.lake, run.years, run.progress)
    with writing(run.lake) as connection:
        sync_days(connection, run.lake)
    assert rows() == known
