"""kill -9 at any durable step of any stage, then the same command again: nothing lost, nothing twice, no call wasted.

Each verb is lived through once to learn its steps; then it dies at chosen ones, those of a kind not met so far first, from
the same folder each time. The seed of a failure stands in its message.
"""

import random
import shutil
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from strava_pipeline_tests.e2e.mortals import Life, Mortals, Step, choose, mortals
from strava_pipeline_tests.e2e.witness import (
    Asked,
    OnDisk,
    assert_no_call_was_wasted,
    assert_nothing_is_half,
    leftovers,
    unended_runs,
)
from strava_pipeline_tests.rig import Make, Rig, log_in

KEPT = ("data", "dagster_home")
LOGIN_LOST = "no longer accepts the refresh token"


@dataclass(frozen=True, slots=True)
class Chapter:
    """A verb that dies, what happened at Strava the day before, and what is true once it came to its end."""

    verb: tuple[str, ...]
    day: str = ""  # "recent": new and edited; "daily": edits that only details tell of, too; "wide": old ones, too
    true: str = "all"  # "activities": details are another verb's; "compacted": once compact has run, too
    outdated: bool = False  # the warehouse has other tables, and is made anew from bronze
    repeats: bool = False  # asks anew each time by its nature
    told: bool = False  # Dagster remembers it, and its events are steps to die at
    soak: bool = False  # left out where each verb dies once: the soak alone has it


CHAPTERS = (
    Chapter(("flow-backfill",), told=True),
    Chapter(("flow",), day="daily"),
    Chapter(("refresh",), day="recent", true="activities"),
    Chapter(("enrich-all",)),
    Chapter(("backfill", "--years", "2025", "2026"), day="wide", soak=True),
    Chapter(("run",), day="recent", true="compacted"),
    Chapter(("compact",), true="activities", told=True),
    Chapter(("recompact",), true="activities", soak=True),
    Chapter(("flow-backfill",), day="wide"),
    Chapter(("compact",), outdated=True),
    Chapter(("profile",), repeats=True, soak=True),
)


@dataclass
class Story:
    """An athlete, a mortal pipeline, and which kinds of steps it died at."""

    rig: Rig
    mortals: Mortals
    chance: random.Random
    folder: Path
    met: Counter[str] = field(default_factory=Counter)
    deaths: int = 0

    def tell(self, chapter: Chapter, deaths: int) -> None:
        """Let the day pass, live the verb once, then die and rise `deaths` times, and go on from the whole life."""
        if chapter.day:
            self._a_day_passes(chapter.day)
        if chapter.outdated:
            with duckdb.connect(str(self.rig.lake.working)) as connection:
                connection.execute("UPDATE lake_meta SET value = 'older' WHERE key = 'catalogue'")
        self._keep("before")
        self.rig.control("expire-tokens")
        self.rig.calls()
        whole = self.mortals.run(*chapter.verb, in_memory=not chapter.told)
        assert whole.code == 0, whole.said
        usual = Asked.of(self.rig)
        self._keep("after")
        for step in choose(whole, self.chance, deaths, self.met, dagster=chapter.told):
            self._restore("before")
            self._die_and_rise(chapter, step, usual)
        self._restore("after")

    def _die_and_rise(self, chapter: Chapter, step: Step, usual: Asked) -> None:
        rig = self.rig
        if "token" in step.label or self.chance.random() < 0.5:
            rig.control("expire-tokens")
        rig.calls()
        before, lay = OnDisk.of(rig), leftovers(rig)
        life = self.mortals.run(*chapter.verb, dying=step, in_memory=not chapter.told)
        self.deaths += life.code == -9  # steps at its very end may come one earlier or later: then it has lived
        assert life.code in (-9, 0), life.said
        assert_nothing_is_half(rig, self.folder)
        assert all(count == 1 for kind, count in (leftovers(rig) - lay).items() if kind != "staged")
        at_death, died = OnDisk.of(rig), Asked.of(rig)

        again, asked = self._rise(chapter, life, at_death.login == before.login and died.tokens > 0)
        if at_death.login != before.login:
            assert asked.tokens == 0, f"the new login was saved, and is used: {chapter.verb}, died at {step}: {again}"
        if not chapter.repeats and life.code == -9:
            try:
                assert_no_call_was_wasted(before, at_death, died, asked, usual)
            except AssertionError as error:
                error.add_note(f"{chapter.verb}, died at {step}: {again.said}")
                raise
        assert again.code == 0, again.said
        for word in ("Traceback", "Waiting for", "Already at work"):
            assert word not in again.said
        assert_nothing_is_half(rig, self.folder)
        left = set(leftovers(rig) - lay) - {".damaged"}
        if chapter.told:  # by Dagster the next run learns that one died, and sweeps up after it
            assert (left, unended_runs(rig)) == (set(), []), f"{chapter.verb}, died at {step}"
        assert not left & {"staged", "wal", "unfinished in data/warehouse", "unfinished in secrets"}, left
        if chapter.true == "compacted":
            assert self.mortals.run("compact", in_memory=True).code == 0
        if chapter.true == "all":
            rig.assert_true_to_source()
        else:
            assert dict(rig.gold("SELECT id, name FROM activities")) == {one["id"]: one["name"] for one in rig.truth()}

    def _rise(self, chapter: Chapter, life: Life, login_may_be_lost: bool) -> tuple[Life, Asked]:
        """The same command again. A death between Strava's new login and its saving costs the login, which is said."""
        again = self.mortals.run(*chapter.verb, in_memory=not chapter.told)
        asked = Asked.of(self.rig)
        if again.code == 1 and login_may_be_lost:
            assert LOGIN_LOST in again.said
            log_in(self.rig)
            self.rig.calls()
            again = self.mortals.run(*chapter.verb, in_memory=not chapter.told)
            asked = Asked.of(self.rig)
        return again, asked

    def _a_day_passes(self, kind: str) -> None:
        rig, chance, wide = self.rig, self.chance, kind == "wide"
        rig.control("clock", advance=26 * 3600)
        now = datetime.fromisoformat(rig.control("clock")["now"])
        for hours in (20, 9, *([200 * 24] if wide else [])):
            rig.add(now - timedelta(hours=hours))
        known = sorted(rig.truth(), key=lambda one: str(one["start_date"]))
        recent = [one for one in known if datetime.fromisoformat(one["start_date"]) > now - timedelta(days=20)]
        edited, looked_at, liked = chance.choice(known if wide else recent), *chance.choices(recent, k=2)
        rig.control("edit", id=edited["id"], set={"name": f"Renamed {self.deaths}", "description": "edited"})
        if kind == "daily":
            rig.control("edit", id=looked_at["id"], set={"description": "no listing tells of this"})
        rig.control("edit", id=liked["id"], set={"kudos_count": liked["kudos_count"] + 3})

    def _keep(self, name: str) -> None:
        shutil.rmtree(self.folder / name, ignore_errors=True)
        for kept in KEPT:
            if (self.folder / kept).exists():
                shutil.copytree(self.folder / kept, self.folder / name / kept)

    def _restore(self, name: str) -> None:
        for kept in KEPT:
            shutil.rmtree(self.folder / kept, ignore_errors=True)
            if (self.folder / name / kept).exists():
                shutil.copytree(self.folder / name / kept, self.folder / kept)


@pytest.mark.parametrize(
    ("seed", "deaths"),
    [
        pytest.param(1, 1, marks=pytest.mark.slow),
        pytest.param(2, 7, marks=pytest.mark.soak(part="kills")),
        pytest.param(3, 7, marks=pytest.mark.soak(part="kills")),
        pytest.param(4, 7, marks=pytest.mark.soak(part="kills")),
    ],
)
def test_killed_anywhere_the_same_command_mends_it(make_rig: Make, tmp_path: Path, seed: int, deaths: int) -> None:
    chapters = [chapter for chapter in CHAPTERS if deaths > 1 or not chapter.soak]
    rig = make_rig(activities=12, years=(2025, 2026), settings={"first_year": 2025, "per_page": 5})
    with mortals(rig.settings, tmp_path) as living:
        story = Story(rig, living, random.Random(seed), tmp_path)
        assert unended_runs(rig) == [], "Dagster's databases are made once, outside of all lives"
        for chapter in chapters:
            story.tell(chapter, deaths)
    assert story.deaths >= deaths * len(chapters) - 3
