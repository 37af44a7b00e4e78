"""Days and nights by Garmin's key: how its answers read, how many calls they take, and what one part's refusal does."""

import json
from datetime import date, timedelta
from typing import Any

import pytest

from strava_pipeline.core.errors import ForbiddenError, TransientError
from strava_pipeline.core.providers import UnreadableRowError
from strava_pipeline.core.wellness import kept_answer
from strava_pipeline.ingest.garmin.emulator.days import DAILY, HRV, SLEEP, WEIGHT
from strava_pipeline.ingest.garmin.wellness import PARTS, read_wellness
from strava_pipeline.operations.days import pull_days
from strava_pipeline.operations.options import ListingOptions
from strava_pipeline.operations.source import Source
from strava_pipeline.testing.days_contract import pull, values
from strava_pipeline_tests.facts import facts_of
from strava_pipeline_tests.providers.worlds import World

DAY = date(2026, 2, 27)


def night(**more: Any) -> dict[str, Any]:
    return {"calendarDate": f"{DAY}", "sleepTimeSeconds": 25_200} | more


def window(starts: Any, ends: Any) -> list[dict[str, Any]]:
    return [night(sleepStartTimestampGMT=starts, sleepEndTimestampGMT=ends)]


def stages(deep: Any, light: Any, rem: Any, awake: Any, **more: Any) -> dict[str, Any]:
    names = ("deepSleepSeconds", "lightSleepSeconds", "remSleepSeconds", "awakeSleepSeconds")
    return night(**dict(zip(names, (deep, light, rem, awake), strict=True)) | more)


def heart(resting: int | None, lowest: int | None) -> dict[str, Any]:
    return {"data": [{"calendarDate": f"{DAY}", "heartRate": {"restingValue": resting, "minValue": lowest}}]}


def summary(**more: Any) -> dict[str, Any]:
    return {"data": [{"calendarDate": f"{DAY}", **more}]}


def variability(average: Any, status: str = "BALANCED") -> dict[str, Any]:
    return {"hrvSummaries": [{"calendarDate": f"{DAY}", "lastNightAvg": average, "status": status}]}


def weighed(*grams: tuple[str, int]) -> dict[str, Any]:
    every = [{"timestampGMT": at, "weight": weight, "metabolicAge": 1_522_800_000_000} for at, weight in grams]
    return {"dailyWeightSummaries": [{"summaryDate": f"{DAY}", "allWeightMetrics": every}] if every else []}


BED = {"sleepStartTimestampGMT": 1_774_735_200_000, "sleepEndTimestampGMT": 1_774_760_400_000}
ASLEEP = {"asleep_seconds": 25_200}
MORNING, EVENING = ("2026-02-27T06:00:00.0", 71_500), ("2026-02-27T20:00:00.0", 72_300)
ANSWERS: list[tuple[str, Any, dict[str, float]]] = [
    ("daily", heart(None, 41), {"lowest_heartrate": 41}),
    ("daily", heart(48, 41), {"resting_heartrate": 48, "lowest_heartrate": 41}),
    ("daily", heart(41, 41), {"lowest_heartrate": 41}),
    ("daily", heart(40, 41), {"lowest_heartrate": 41}),  # the absolute minimum
    ("daily", heart(999, 0), {}),
    ("daily", summary(stress={"avgLevel": -2}, movement={"steps": {"value": 0}}), {"steps": 0}),
    ("daily", summary(includesWellnessData=False, movement={"steps": {"value": 0}}), {}),
    ("daily", summary(stress="{avgLevel=31}", pulseOx={"avgValue": True}, bodyBattery=None), {}),
    ("daily", {"data": None}, {}),
    ("sleep", window(1_774_735_200_000, 1_774_760_400_000), {"hours": 7}),  # 23:00 to 07:00 in Vienna, in the spring
    ("sleep", window(1_792_875_600_000, 1_792_908_000_000), {"hours": 9}),  # and in autumn
    ("sleep", window("2026-02-26T22:00:00.0", "2026-02-27T06:30:00.0"), {"hours": 8.5}),
    ("sleep", [stages(None, None, None, None, sleepScores={"overall": {"value": 999}})], ASLEEP),
    ("sleep", [stages(0, 0, 0, 0)], ASLEEP),
    ("sleep", [BED | stages(None, None, None, None, sleepTimeSeconds=None)], {}),
    ("sleep", [BED | stages(0, 0, 0, 36_000, sleepTimeSeconds=0)], {}),
    ("sleep", [BED | night(sleepTimeSeconds=59)], {}),
    ("sleep", [BED | night(sleepTimeSeconds=36_000, sleepWindowConfirmationType="unconfirmed")], {}),
    ("sleep", [BED | stages(3_600, 20_000, 0, 0, sleepWindowConfirmationType="off_wrist")], {}),
    (
        "sleep",
        [stages(5_200, 20_000, 0, 0, sleepTimeSeconds=None, sleepWindowConfirmationType="UNCONFIRMED")],
        ASLEEP | {"deep_seconds": 5_200, "light_seconds": 20_000, "rem_seconds": 0, "awake_seconds": 0},
    ),
    (
        "sleep",
        [stages(0, 20_000, 5_200, 600, sleepScores={"overall": {"value": 81}})],
        ASLEEP
        | {"deep_seconds": 0, "light_seconds": 20_000, "rem_seconds": 5_200, "awake_seconds": 600, "sleep_score": 81},
    ),
    (
        "sleep",
        [stages(5_200, 20_000, 0, 0, deviceRemCapable=False)],
        ASLEEP | {"deep_seconds": 5_200, "light_seconds": 20_000, "awake_seconds": 0},
    ),
    ("sleep", [night(sleepTimeSeconds=0)], {}),
    ("hrv", variability(61), {"hrv_rmssd": 61}),
    ("hrv", variability(0), {}),
    ("hrv", variability(61, "UNKNOWN"), {}),
    ("hrv", [], {}),
    ("weight", weighed(EVENING, MORNING), {"weight_kg": 72.3}),
    ("weight", weighed(MORNING), {"weight_kg": 71.5}),
    ("weight", weighed(), {}),
    ("weight", {"dailyWeightSummaries": [{"summaryDate": f"{DAY}", "latestWeight": {"weight": 0}}]}, {}),
]


@pytest.mark.parametrize(("part", "content", "expected"), ANSWERS)
def test_an_answer_reads_as_numbers_that_were_measured(part: str, content: Any, expected: dict[str, float]) -> None:
    kept = kept_answer(part, DAY, DAY + timedelta(days=1), json.dumps(content).encode())
    found = dict(read_wellness(json.loads(kept)))
    assert [*found] == [f"{DAY} {part}", f"{DAY + timedelta(days=1)} {part}"]
    numbers = dict(found[f"{DAY} {part}"])
    if "hours" in expected:
        assert (numbers["ends_at"] - numbers["starts_at"]) / 3600 == expected["hours"]
    else:
        assert numbers == expected


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("content", [{"message": "48"}, {"data": 48, "hrvSummaries": {"48": 48}}, [48], "48", None])
def test_another_shape_is_no_answer(part: str, content: Any) -> None:
    with pytest.raises(UnreadableRowError):
        read_wellness({"part": part, "first": f"{DAY}", "last": f"{DAY}", "answer": content})


@pytest.mark.parametrize("world", ["garmin_by_key"], indirect=True)
class TestCalls:
    def test_a_part_that_is_refused_keeps_no_other_out(self, world: World, caplog: pytest.LogCaptureFixture) -> None:
        world.subject.put_day(DAY, steps=4_000, weight_kg=71.5, hrv_rmssd=61, asleep_seconds=25_000)
        pull(world)
        known = values(world, DAY)
        assert known == {"steps": 4_000, "weight_kg": 71.5, "hrv_rmssd": 61, "asleep_seconds": 25_000}
        world.subject.put_day(DAY, steps=5_000, weight_kg=70, hrv_rmssd=62, asleep_seconds=26_000)
        world.subject.fail(path=WEIGHT, exact=False, kind="status", status=404)
        world.subject.fail(path=SLEEP, kind="status", status=403)
        caplog.clear()
        pull(world, "year", 2026, 2025)
        assert caplog.text.count("days and nights come without sleep") == 1, "not for each year"
        (wellness,) = facts_of(world.settings, "garmin", "wellness")
        assert (wellness.state, "refused: sleep (403), weight (404); each pull asks again" in wellness.text) == (
            "ok",
            True,
        )
        assert values(world, DAY) == known | {"steps": 5_000, "hrv_rmssd": 62}, "a refusal says nothing of a number"
        world.subject.put_day(date(2024, 12, 31), hrv_rmssd=63)
        world.subject.fail(path=f"{HRV}/2024-01-01", exact=False, kind="status", status=404)
        pull(world, "year", 2024)
        assert values(world, date(2024, 12, 31)) == {"hrv_rmssd": 63}, "only what is older is refused"
        for path in (DAILY, SLEEP, HRV, WEIGHT):
            world.subject.fail(path=path, exact=False, kind="status", status=403)
        client = Source("garmin", world.settings, world.run()).client
        with pytest.raises(ForbiddenError):
            list(client.list_kind("wellness", DAY, DAY))

    def test_a_year_takes_26_calls_each_within_its_limit(self, world: World) -> None:
        assert pull(world, "year", 2025, 2023).calls == 2 * 26
        assert pull(world, "year", 2024).calls == 28, "a leap year has a day more than Garmin gives at once"

    def test_an_empty_answer_is_none_and_another_shape_is_told_without_its_numbers(self, world: World) -> None:
        client = Source("garmin", world.settings, world.run()).client
        world.subject.fail(path=WEIGHT, exact=False, kind="empty")
        assert (len([*client.list_kind("wellness", DAY, DAY)]), client.calls) == (4, 4)
        world.subject.fail(path=DAILY, kind="body", body={"data": "restingValue 48"}, times=3)
        with pytest.raises(TransientError, match="no list of days") as caught:
            list(client.list_kind("wellness", DAY, DAY))
        assert "48" not in str(caught.value)


@pytest.mark.parametrize("world", ["garmin"], indirect=True)
def test_the_unofficial_login_says_that_it_gives_no_days(world: World) -> None:
    run = world.run()
    report = pull_days(run, Source("garmin", world.settings, run), ListingOptions(mode="incremental"), (), asset="days")
    (found,) = report.findings
    assert (report.stopped, found.holds, "personalApiToken" in found.advice) == (None, False, True)
    assert not world.subject.journal.log
