"""An athlete's days: what is recorded, edited and applauded between two daily runs, and what each run cost."""

import random
import resource
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from strava_pipeline_tests.rig import Rig

BEGIN = datetime(2025, 1, 10, 6, tzinfo=UTC)
YEARS = [2024, 2025, 2026]  # those that a daily run covers in that time
REFRESH = 3  # spare calls a day
SETTLE = 10  # days at the end without edits that no listing shows: time for the spare calls to find the last ones
LISTING, DETAIL = "/athlete/activities", "/activities/{id}"


@dataclass(frozen=True, slots=True)
class Day:
    """One day's run: details that were new or visibly edited, calls by kind, CPU seconds (the emulator's included)."""

    due: int
    listing_calls: int
    detail_calls: int
    cpu: float


def lived(rig: Rig, days: int) -> Iterator[Day]:
    """A day after the other: life, then the daily run. Every third day or so nothing happens."""
    chance = random.Random(7)
    recent: list[tuple[datetime, int]] = []
    for number in range(days):
        now = BEGIN + timedelta(days=number + 1)
        rig.control("clock", set=now.isoformat())
        recent = [(at, known) for at, known in recent if now - at < timedelta(days=14)]
        due: set[int] = set()
        if chance.random() < 0.5:
            start = now - timedelta(hours=chance.randrange(4, 20))
            added = int(rig.control("add", generate={"start_date": start.isoformat(), "sport_type": "Run"})["id"])
            recent.append((start, added))
            due.add(added)
        if recent and chance.random() < 0.2:
            _, edited = chance.choice(recent)
            rig.control("edit", id=edited, set={"name": f"Day {number}"})
            due.add(edited)
        if recent and chance.random() < 0.4:
            rig.control("edit", id=chance.choice(recent)[1], set={"kudos_count": number + 100})
        if recent and chance.random() < 0.1 and number < days - SETTLE:
            rig.control("edit", id=chance.choice(recent)[1], set={"description": f"Told on day {number}"})
        rig.calls()
        before = _cpu()
        rig.run("flow", YEARS)
        spent = _cpu() - before
        calls = rig.calls()["by_endpoint"]
        yield Day(len(due), calls.get(LISTING, 0), calls.get(DETAIL, 0), spent)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
