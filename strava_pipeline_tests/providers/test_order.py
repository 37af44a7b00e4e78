"""Whose row stands for an activity that several sources show."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core import providers
from strava_pipeline.core.providers import NEVER_FIRST, ProviderSpec, best_first, spec_of
from strava_pipeline.core.sources import SOURCES, hashed_id
from strava_pipeline.lake.bronze.answers import land_detail
from strava_pipeline.lake.bronze.listing import begin_listing
from strava_pipeline.lake.bronze.manifests import Window
from strava_pipeline.lake.gold.fetch_selection import detail_candidates, select_streams
from strava_pipeline.lake.gold.quality import counts_by_year
from strava_pipeline.lake.gold.warehouse import Connection, reading, revision
from strava_pipeline.lake.providers import land_provider_file
from strava_pipeline.lake.sql import sql
from strava_pipeline.operations.merging import details_merged
from strava_pipeline.operations.reading_files import read_files, unread_files
from strava_pipeline.operations.rebuilding import rebuild_all
from strava_pipeline.settings import Settings
from strava_pipeline_tests.providers.subjects import GPX, ToySubject, register_toy
from strava_pipeline_tests.providers.toy_service import new_toy
from strava_pipeline_tests.providers.worlds import World, list_at_strava


def test_without_other_providers_the_order_is_that_of_stravas_own_sources() -> None:
    assert best_first(["strava"]) == SOURCES


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(providers, "__path__", [*providers.__path__, str(Path(__file__).parent / "records")])


@pytest.mark.usefixtures("records")
def test_a_provider_stands_where_its_priority_puts_it_and_before_mere_files(monkeypatch: pytest.MonkeyPatch) -> None:
    assert spec_of("toy").priority == 4
    assert best_first(["strava", "toy"]) == ["strava", "strava_json", "strava_archive", "running_page", "toy", "file"]
    first = ProviderSpec(name="first", title="First", link=None, priority=1, read_page=spec_of("toy").read_page)
    monkeypatch.setattr(providers, "spec_of", lambda name: first if name == "first" else spec_of(name))
    assert best_first(["first", "strava"])[:2] == ["first", "strava"]


STRAVAS = SOURCES[:-1]


@pytest.mark.usefixtures("records")
@pytest.mark.parametrize(
    ("chosen", "order"),
    [
        ({}, [*STRAVAS, "toy", "tin", "file"]),
        ({"tin": 1}, ["tin", *STRAVAS, "toy", "file"]),
        ({"tin": 4}, [*STRAVAS, "tin", "toy", "file"]),
        ({"toy": 3}, [*STRAVAS, "toy", "tin", "file"]),
        ({"strava": 5}, ["toy", *STRAVAS, "tin", "file"]),
        ({"toy": NEVER_FIRST}, [*STRAVAS, "tin", "toy", "file"]),
        ({"unknown": 1}, [*STRAVAS, "toy", "tin", "file"]),
    ],
    ids=[
        "none",
        "first",
        "equal ones by name",
        "Strava first of equal ones",
        "Strava's copies too",
        "last",
        "not here",
    ],
)
def test_a_chosen_priority_counts_over_the_record_s(chosen: Mapping[str, int], order: list[str]) -> None:
    assert best_first(["strava", "toy", "tin"], chosen) == order


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
K1, K2 = hashed_id("toy", "k1"), hashed_id("toy", "k2")
AT_TOY = [(K1, "at the toy", "B1", "toy", 9.0), AT_STRAVA[1]]
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
    world: World, text: str, shown: list[tuple[Any, ...]]
) -> None:
    merged(world)
    assert world.gold(SHOWN) == [*AT_STRAVA, TOY_ALONE]
    kept = world.gold(KEPT)
    choose(world, text)
    merged(world)
    assert world.gold(SHOWN) == [*shown, TOY_ALONE]
    assert world.gold(KEPT) == kept
    choose(world, "")
    merged(world)
    assert world.gold(SHOWN) == [*AT_STRAVA, TOY_ALONE], "and back"
    assert world.gold(KEPT) == kept


@pytest.fixture
def twins(world: World) -> World:
    """Two rides more, each at both: of one only the toy knows the gear, of the other only Strava does, and kudos."""
    at = "2025-04-01T06:00:00Z", "2025-05-01T06:00:00Z"
    known = {"kudos_count": 7, "private": True, "visibility": "only_me", "map": {"id": "m"}, "distance": 9.0}
    rides: list[dict[str, Any]] = [{"id": 3, "start_date": at[0]}, {"id": 4, "start_date": at[1], "gear_id": "b1"}]
    list_at_strava(world, *({**ride, **known, "start_date_local": ride["start_date"]} for ride in rides))
    items: list[dict[str, Any]] = [
        {"key": "k3", "begin": at[0], "bike": "B1", "strava": 3, "title": "third", "kind": "cycle"},
        {"key": "k4", "begin": at[1], "strava": 4, "kind": "jog"},
    ]
    land_at_toy(world, items)
    return world


@pytest.mark.parametrize("text", ["", "[providers.toy]\npriority = 1"], ids=["Strava first", "toy first"])
def test_the_best_service_that_says_something_names_the_gear_and_what_only_strava_knows_stays(
    twins: World, text: str
) -> None:
    choose(twins, text)
    merged(twins)
    columns = "gear_id, gear_source, kudos_count, private, visibility, map_id, distance"
    found = twins.gold(f"SELECT {columns} FROM activities WHERE start_date >= '2025-04-01' ORDER BY start_date")
    known = (7, True, "only_me", "m", 9.0)
    assert found == [("B1", "toy", *known), ("b1", "strava", *known)]
    named = "SELECT name, sport_type FROM activities WHERE start_date >= '2025-04-01' ORDER BY start_date"
    assert twins.gold(named) == [("third", "Ride"), (None, "Run")], "Strava says neither"


@pytest.mark.parametrize("text", ["", "[providers.toy]\npriority = 1"], ids=["Strava first", "toy first"])
def test_what_strava_gives_of_an_activity_is_wanted_whichever_service_stands_for_it(world: World, text: str) -> None:
    choose(world, text)
    merged(world)
    run = world.run()
    years = [2024, 2025, 2026]
    assert [each.activity_id for each in detail_candidates(run.lake, years)] == [2, 1]
    assert [each.activity_id for each in select_streams(run.lake, years, run.now()).due] == [2, 1]
    land_provider_file(run.lake, "toy", K1, "k1", "me", "k1.gpx", GPX.format("2025-01-01").encode(), run.now())
    read_files(run.lake, unread_files(run.lake), lambda steps: None)
    assert [each.activity_id for each in select_streams(run.lake, years, run.now()).due] == [2], "the toy's has a track"
    with reading(run.lake) as connection:
        assert published_ids_of(connection) == [2, 1]
        (year,) = counts_by_year(connection)
    assert (year.activities, year.details, year.missing_details, year.stale_details) == (3, 0, 2, 0)
    land_detail(
        run.lake, 2025, 1, json.dumps({"id": 1, "name": "at Strava", "description": "long"}).encode(), run.now()
    )
    with details_merged(run, years):
        pass
    with reading(run.lake) as connection:
        (year,) = counts_by_year(connection)
    assert (year.activities, year.details, year.missing_details) == (3, 1, 1)
    assert world.gold("SELECT description FROM activity_details JOIN activities ON activities.id = activity_id") == [
        ("long",)
    ]


def published_ids_of(connection: Connection) -> list[int]:
    """The activities that a replay of webhook events asks for."""
    rows = connection.execute(sql("replayed"), {"source": "strava", "years": [2025]}).fetchall()
    return [key for (key,) in rows]


def test_a_rebuild_follows_the_file_too(world: World) -> None:
    choose(world, "[providers.toy]\npriority = 2")
    merged(world)
    before = world.gold(SHOWN), world.gold(KEPT)
    rebuild_all(world.run(), world.settings)
    assert (world.gold(SHOWN), world.gold(KEPT)) == before
    assert before[0] == [*AT_TOY, TOY_ALONE]


def test_a_change_that_moves_nothing_writes_nothing_of_an_activity(world: World) -> None:
    merged(world)
    members = "SELECT * FROM activity_members ORDER BY id"
    before = world.gold(members)
    choose(world, "[providers.toy]\npriority = 7")
    merged(world)
    assert world.gold(members) == before
    with reading(world.run().lake) as connection:
        known = revision(connection)
    merged(world)
    with reading(world.run().lake) as connection:
        assert revision(connection) == known, "the same file again is no change"
