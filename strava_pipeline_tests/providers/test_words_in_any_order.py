"""What a person and rules say, in any order with edits at services, pulls, files and rebuilds: gold is as if all was said at the end."""

import random
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.lake.gold.corrections import Edit
from strava_pipeline.lake.gold.publish import publish, snapshot
from strava_pipeline.operations.bests import correct
from strava_pipeline.operations.rebuilding import rebuild_all
from strava_pipeline.operations.tracking import make_tracks
from strava_pipeline.testing.worlds import YEARS, World, at_strava, list_at_strava
from strava_pipeline_tests.providers.worlds import WITH_THE_TOY

DAYS = [f"2025-0{month}-10" for month in range(1, 5)]
RULES = [
    '[[rule]]\nwhen.name = "edited"\nthen.sport_type = "Run"',
    '[[rule]]\nwhen.sport = "ride"\nwhen.source = "toy"\nthen.name = "By a rule"\nthen.commute = true',
    '[[rule]]\nwhen.name = "(at|ride of) "\nthen.counts = false\nthen.tags = ["ruled"]',
]
ASKED = (
    "SELECT * EXCLUDE (ingestion_ts, edited_at, content_hash) FROM activities ORDER BY id",
    "SELECT * FROM corrections ORDER BY ALL",
    "SELECT * FROM ruled ORDER BY ALL",
    "SELECT * FROM cut_values ORDER BY ALL",
    "SELECT * FROM track_bests ORDER BY ALL",
    "SELECT * FROM activity_bests ORDER BY ALL",
    "SELECT * FROM activity_list ORDER BY ALL",
)


def some_words(chance: random.Random, day: str) -> dict[str, Any]:
    """Words about a few fields, some of them taken back. The ride begins at 06:00 UTC and takes ten minutes."""
    begins, ends = (f"{day}T06:0{minute}:00Z" for minute in sorted(chance.sample(range(1, 9), 2)))
    pool: dict[str, list[Any]] = {
        "name": ["Mine", "Yours"],
        "sport_type": ["GravelRide", "Run"],
        "commute": [True, False],
        "tags": [["wet"], ["wet", "late"]],
        "counts": [False, True],
        "deleted": [True],
        "distance": [1234.0],
        "cuts": [[f"/{begins}"], [f"{begins}/{ends}"], [f"/{begins}", f"{ends}/"]],
    }
    return {name: chance.choice([*pool[name], None]) for name in chance.sample([*pool], chance.randint(1, 3))}


def say(world: World, activity_id: int, words: dict[str, Any]) -> None:
    correct(world.settings, [activity_id], Edit(words), "a test")


def bring(world: World) -> None:
    """A run: rows, files, tracks, and what readers see."""
    world.pull()
    world.fetch_files()
    make_tracks(run := world.run(), YEARS)
    publish(run.lake)


def shown(world: World) -> list[list[tuple[Any, ...]]]:
    with snapshot(world.run().lake) as connection:
        return [connection.execute(query).fetchall() for query in ASKED]


@pytest.mark.slow
@WITH_THE_TOY
@pytest.mark.parametrize("seed", [2, pytest.param(5, marks=pytest.mark.dear)])
def test_gold_is_what_was_said_whatever_happened_between(world: World, seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    keys = [world.subject.add(day, f"ride of {day}") for day in DAYS]
    strava = [at_strava(number, day, f"at Strava {day}") for number, day in enumerate(DAYS[:2], 1)]
    world.pull()
    ids = [key for (key,) in world.gold("SELECT id FROM activities ORDER BY start_date")]
    said: list[tuple[int, dict[str, Any]]] = []
    rules = ""
    for step in range(16):
        match chance.choice(["say", "say", "say", "edit", "bring", "rebuild", "list", "rules"]):
            case "say":
                place = chance.randrange(len(DAYS))
                said.append((ids[place], some_words(chance, DAYS[place])))
                say(world, *said[-1])
            case "edit":
                world.subject.edit(chance.choice(keys), f"edited {step}")
            case "bring":
                bring(world)
            case "rebuild":
                rebuild_all(world.run(), world.settings)
            case "list":
                list_at_strava(world, *strava)
            case "rules":
                rules = "\n".join(chance.sample(RULES, chance.randint(1, len(RULES))))
                (world.settings.data_dir.parent / "rules.toml").write_text(rules)
    list_at_strava(world, *strava)
    bring(world)
    anew = World(world.subject, world.settings.model_copy(update={"data_dir": tmp_path / "anew"}))
    (tmp_path / "rules.toml").write_text(rules)
    list_at_strava(anew, *strava)
    bring(anew)
    for words in said:
        say(anew, *words)
    assert shown(world) == shown(anew), said
