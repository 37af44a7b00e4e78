"""Whose row stands for an activity that several sources show, and whose name and gear count."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.providers import NEVER_FIRST, best_first, naming_order, spec_of
from strava_pipeline.core.sources import SOURCES, hashed_id
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.providers_file import chosen_priorities
from strava_pipeline.ingest.registry import PROVIDERS
from strava_pipeline.lake.bronze.listing import begin_listing
from strava_pipeline.lake.bronze.manifests import Window
from strava_pipeline.lake.gold import matches
from strava_pipeline.lake.gold.notes import revision
from strava_pipeline.lake.gold.warehouse import reading, writing
from strava_pipeline.operations.rebuilding import rebuild_all
from strava_pipeline_tests.providers.subjects import ToySubject, install, register_toy
from strava_pipeline_tests.providers.toy_service import new_toy
from strava_pipeline_tests.providers.worlds import World, list_at_strava

pytestmark = pytest.mark.slow


def test_without_other_providers_the_order_is_that_of_stravas_own_sources() -> None:
    assert best_first(["strava"]) == SOURCES


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("toy", "tin"):
        install(name, monkeypatch)


def test_enabling_providers_never_changes_whose_row_stands_for_what_strava_has() -> None:
    order = best_first([*PROVIDERS])
    assert order[:4] == SOURCES[:-1]
    ours = ["garmin", "intervals_icu", "ridewithgps", "spreadsheet", "file"]
    assert [name for name in order if name in ours] == ours
    assert order[-1] == "file"


STRAVAS = SOURCES[:-1]


@pytest.mark.usefixtures("records")
@pytest.mark.parametrize(
    ("chosen", "order"),
    [
        pytest.param({}, [*STRAVAS, "toy", "tin", "file"], id="none"),
        pytest.param({"tin": 1}, ["tin", *STRAVAS, "toy", "file"], id="first"),
        pytest.param({"tin": 4}, [*STRAVAS, "tin", "toy", "file"], id="equal ones by name"),
        pytest.param({"toy": 3}, [*STRAVAS, "toy", "tin", "file"], id="Strava first of equal ones"),
        pytest.param({"strava": 5}, ["toy", *STRAVAS, "tin", "file"], id="Strava's copies too"),
        pytest.param({"toy": NEVER_FIRST}, [*STRAVAS, "tin", "toy", "file"], id="last"),
        pytest.param({"strava": NEVER_FIRST}, ["toy", "tin", *STRAVAS, "file"], id="Strava last"),
        pytest.param({"unknown": 1}, [*STRAVAS, "toy", "tin", "file"], id="not here"),
    ],
)
def test_a_chosen_priority_counts_over_the_record_s(chosen: Mapping[str, int], order: list[str]) -> None:
    assert naming_order(["strava", "toy", "tin"], chosen) == order
    assert best_first(["strava", "toy", "tin"]) == [*STRAVAS, "toy", "tin", "file"], "whatever is chosen"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A ride that Strava and the toy know, which names Strava's ride; and one ride more at each. Nothing is merged."""
    register_toy(monkeypatch)
    folders = {"data_dir": tmp_path / "data", "logs_dir": tmp_path / "logs", "secrets_dir": tmp_path / "secrets"}
    settings = Settings(_env_file=None, **folders, providers_config=tmp_path / "providers.toml", first_year=2024)
    found = World(ToySubject(new_toy()), settings)
    rides: list[dict[str, Any]] = [
        {"id": 1, "name": "at Strava", "start_date": "2025-01-01T06:00:00Z", "gear_id": "b1"},
        {"id": 2, "name": "at Strava alone", "start_date": "2025-02-01T06:00:00Z"},
    ]
    list_at_strava(found, *({**ride, "start_date_local": ride["start_date"], "distance": 9.0} for ride in rides))
    items: list[dict[str, Any]] = [
        {"key": "k1", "begin": "2025-01-01T07:00:00+01:00", "title": "at the toy", "bike": "B1", "strava": 1},
        {"key": "k2", "begin": "2025-03-01T07:00:00+01:00", "title": "at the toy alone"},
    ]
    land_at_toy(found, items)
    return found


def land_at_toy(world: World, items: list[dict[str, Any]]) -> None:
    """Have a listing of the toy's in bronze."""
    page, run = {"items": items, "more": False}, world.run()
    window = Window(mode="incremental", after=1, before=None)
    listing = begin_listing(run.lake, window, athlete_id=7, at=run.now(), source="toy", account="me")
    listing.land(spec_of("toy").read_page(page), json.dumps(page).encode(), {}, run.now(), run.years)
    listing.mark_ended()


def choose(world: World, text: str) -> None:
    world.settings.providers_config.write_text(text)


def merged(world: World) -> None:
    world.merge(world.run())


SHOWN = "SELECT id, name, gear_id, gear_source, distance FROM activities ORDER BY start_date"
KEPT = "SELECT * FROM activities_all ORDER BY id"
AT_STRAVA = [(1, "at Strava", "b1", "strava", 9.0), (2, "at Strava alone", None, None, 9.0)]
K2 = hashed_id("toy", "k2")
AT_TOY = [(1, "at the toy", "B1", "toy", 9.0), AT_STRAVA[1]]
TOY_ALONE = (K2, "at the toy alone", None, None, None)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", AT_STRAVA),
        ("[providers.toy]\npriority = 2", AT_TOY),
        ("[providers.toy]\npriority = 2\nwrite_only = true", AT_STRAVA),
        ("[providers.strava]\npriority = 9", AT_TOY),
        ("[providers.strava]\nwrite_only = true", AT_TOY),
    ],
    ids=["nothing chosen", "toy first", "toy never", "Strava later", "Strava never"],
)
def test_the_next_merge_follows_a_change_of_the_file_and_loses_nothing(
    world: World, text: str, shown: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    merged(world)
    assert world.gold(SHOWN) == [*AT_STRAVA, TOY_ALONE]
    kept, published = world.gold(KEPT), revision_of(world)
    monkeypatch.setattr(matches, "find_matches", lambda *_: pytest.fail("matched again"))
    choose(world, text)
    merged(world)
    assert world.gold(SHOWN) == [*shown, TOY_ALONE]
    assert world.gold(KEPT) == kept
    assert (revision_of(world) == published) is (naming_order(["toy"], chosen_priorities(file_of(world))) == PLAIN)
    choose(world, "")
    merged(world)
    assert world.gold(SHOWN) == [*AT_STRAVA, TOY_ALONE], "and back"
    assert world.gold(KEPT) == kept


PLAIN = [*STRAVAS, "toy", "file"]


def file_of(world: World) -> Path:
    path: Path = world.settings.providers_config
    return path


def revision_of(world: World) -> str:
    """It differs where the next publish replaces the snapshot."""
    with reading(world.run().lake) as connection:
        return revision(connection)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", [("third", "B1", "toy", None), ("at Strava", "b1", "strava", "Run"), ("b", None, None, None)]),
        (
            "[providers.toy]\npriority = 1",
            [("third", "B1", "toy", None), ("at Strava", "b1", "strava", "Run"), ("a", None, None, None)],
        ),
    ],
    ids=["Strava first", "toy first"],
)
def test_a_source_without_name_or_gear_leaves_it_so(world: World, text: str, shown: list[tuple[Any, ...]]) -> None:
    known = {"kudos_count": 7, "private": True, "distance": 9.0}
    rides: list[dict[str, Any]] = [
        {"id": 3, "start_date": "2025-04-01T06:00:00Z", "name": " "},
        {"id": 4, "start_date": "2025-05-01T06:00:00Z", "name": "at Strava", "gear_id": "b1", "sport_type": "Run"},
        {"id": 5, "start_date": "2025-06-01T06:00:00Z", "name": "b"},
    ]
    list_at_strava(world, *({**ride, **known, "start_date_local": ride["start_date"]} for ride in rides))
    items: list[dict[str, Any]] = [
        {"key": "k3", "begin": rides[0]["start_date"], "bike": "B1", "strava": 3, "title": "third"},
        {"key": "k4", "begin": rides[1]["start_date"], "strava": 4, "title": "", "kind": "cycle", "metres": 5.0},
        {"key": "k5", "begin": rides[2]["start_date"], "strava": 5, "title": "a"},
    ]
    land_at_toy(world, items)
    choose(world, text)
    merged(world)
    since = "FROM activities WHERE start_date >= '2025-04-01' ORDER BY start_date"
    assert world.gold(f"SELECT name, gear_id, gear_source, sport_type {since}") == shown
    found = world.gold(f"SELECT id, source, distance, kudos_count, private {since}")
    assert found == [(key, "strava", 9.0, 7, True) for key in (3, 4, 5)], "measures and all else are Strava's"


MEMBERS = (
    "INSERT INTO activity_members BY NAME SELECT id, $ids[1] AS activity_id, list_position($ids, id) - 1 AS place, athlete_id, source "
    "FROM activities_all WHERE list_contains($ids, id)"
)
ROW = "INSERT INTO activities_all BY NAME SELECT -5 AS id, 7 AS athlete_id, 2025 AS year, 'x' AS name, "


def test_a_row_with_a_day_alone_gets_its_time_from_the_next_source(world: World) -> None:
    merged(world)
    with writing(world.run().lake) as connection:
        connection.execute(
            "UPDATE activities_all SET start_date = NULL, start_date_local = '2025-03-01' WHERE id = $id", {"id": K2}
        )
        connection.execute(
            f"{ROW} 'file' AS source, TIMESTAMPTZ '2025-03-01 06:00:00+00' AS start_date, 3600 AS utc_offset"
        )
        connection.execute(MEMBERS, {"ids": [K2, -5]})
    shown = world.gold(f"SELECT name, start_date_local::VARCHAR FROM activities WHERE id = {K2}")
    assert shown == [("at the toy alone", "2025-03-01 07:00:00")]


@pytest.mark.parametrize(
    ("ids", "shown"),
    [([2, -5], ("at Strava alone", None, None)), ([-5, K2], ("x", "b-1", "strava_archive"))],
    ids=["the API says none", "the API lacks the activity"],
)
def test_gear_of_an_archive_counts_by_its_row(world: World, ids: list[int], shown: tuple[str | None, ...]) -> None:
    merged(world)
    with writing(world.run().lake) as connection:
        connection.execute(f"UPDATE activities_all SET gear_id = 'B2', gear_source = 'toy' WHERE id = {K2}")
        connection.execute(f"{ROW} 'strava_archive' AS source, 'b-1' AS gear_id, 'strava_archive' AS gear_source")
        connection.execute(MEMBERS, {"ids": ids})
    assert world.gold(f"SELECT name, gear_id, gear_source FROM activities WHERE id = {ids[0]}") == [shown]


@pytest.mark.dear
def test_a_rebuild_follows_the_file_too(world: World) -> None:
    choose(world, "[providers.toy]\npriority = 2")
    merged(world)
    before = world.gold(SHOWN), world.gold(KEPT)
    reports = [each.asset for each in rebuild_all(world.run(), world.settings)]
    assert {"activities", "published_warehouse", "insights"}.issubset(reports)
    assert (world.gold(SHOWN), world.gold(KEPT)) == before
    assert before[0] == [*AT_TOY, TOY_ALONE]


def test_a_change_that_moves_nothing_writes_nothing_of_an_activity(world: World) -> None:
    merged(world)
    members = "SELECT * FROM activity_members ORDER BY id"
    before = world.gold(members)
    choose(world, "[providers.toy]\npriority = 7")
    merged(world)
    assert world.gold(members) == before
    known = revision_of(world)
    merged(world)
    assert revision_of(world) == known, "the same file again is no change"
