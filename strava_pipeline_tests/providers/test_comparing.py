"""What providers have of the same months, compared in a data folder: who leads, what differs, which months were pulled."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from strava_pipeline.lake.changes import DECIDING
from strava_pipeline.lake.gold.corrections import Edit
from strava_pipeline.lake.gold.warehouse import is_due, reading
from strava_pipeline.operations.bests import correct
from strava_pipeline.operations.changes.comparing import compare_months, find_proposals, month_states
from strava_pipeline.operations.changes.parties import comparing
from strava_pipeline.operations.changes.proposing import update_proposals
from strava_pipeline.testing.worlds import at_strava
from strava_pipeline_tests.providers.worlds import WITH_THE_TOY, World, list_at_strava, world_of

pytestmark = pytest.mark.slow

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def choose(world: World, *lines: str) -> None:
    world.settings.providers_config.write_text(
        "\n".join([f"[providers.{world.subject.name}]", "enabled = true", *lines])
    )


@contextmanager
def two_names_differ(folder: Path, patch: pytest.MonkeyPatch, first: str) -> Iterator[World]:
    """June 2025, in which the toy, which leads and calls one ride `first`, and Strava call two of three rides differently."""
    with world_of("toy", folder, patch) as found:
        choose(found, "priority = 1", "[providers.strava]", 'write = ["name"]')
        for day, title in (("2025-06-10", first), ("2025-06-11", "Home"), ("2025-06-12", "Same")):
            found.subject.add(day, title, began=f"{day}T08:00:00+02:00")
        names = {1: "Morning Ride", 2: "Away", 3: "Same"}
        list_at_strava(found, *(at_strava(key, f"2025-06-{9 + key}", name, hours=2) for key, name in names.items()))
        found.pull()
        yield found


@pytest.mark.dear
@WITH_THE_TOY
def test_a_name_that_a_person_wrote_leads_and_is_proposed_where_another_one_stands(world: World) -> None:
    choose(world, "priority = 1", "[providers.strava]", 'write = ["name"]')
    for day, title in (("2026-01-10", "Up the hill"), ("2026-02-11", "Morning Ride"), ("2026-02-12", "Home")):
        world.subject.add(day, title)
    list_at_strava(
        world,
        at_strava(1, "2026-01-10", "Morning Ride"),
        at_strava(2, "2026-02-11", "Lunch Ride"),
        at_strava(3, "2026-02-12", " Home "),
        at_strava(4, "2026-02-20", "Alone"),
    )
    world.pull()
    months = ["2025-12", "2026-01", "2026-02"]
    with reading(world.run().lake) as connection:
        who = comparing(world.settings, NOW)
        rows = {row.effort.key: row for row in compare_months(connection, who, months).rows}
        states = month_states(connection, who, months)
        (proposed,) = find_proposals(world.settings, connection, months=months, now=NOW).changes
        by_itself = find_proposals(world.settings, connection, months=None, now=NOW)
        rejected = month_states(connection, who, months, {proposed.id})
    found = {
        key: (row.name_from, row.cells["toy"].name_status, row.cells["strava"].name_status) for key, row in rows.items()
    }
    assert found == {
        "1": ("toy", "authority", "wrong"),
        "2": (None, "ok", "ok"),
        "3": ("toy", "authority", "ok"),
        "4": ("strava", "missing", "authority"),
    }
    assert [*found] == ["4", "3", "2", "1"], "the newest comes first"
    assert (proposed.kind, proposed.provider, proposed.source_id) == ("update_name", "strava", "1")
    assert (proposed.old, proposed.new, proposed.source) == ("Morning Ride", "Up the hill", "toy")
    assert (by_itself.changes, by_itself.left) == ([], frozenset()), (
        "no proposal by itself is of a month before the last one"
    )
    assert {month: state.status for month, state in states.items()} == {
        "2026-02": "in_sync",
        "2026-01": "requires_action",
        "2025-12": "in_sync",
    }
    assert rejected["2026-01"].status == "in_sync"
    assert [state.activities for state in states.values()] == [3, 1, 0]
    correct(world.settings, [2], Edit({"name": "Said here"}), "a test")
    with reading(world.run().lake) as connection:
        found_again = find_proposals(world.settings, connection, months=months, now=NOW).changes
    assert [(one.source_id, one.old, one.new, one.source) for one in found_again] == [
        ("2", "Lunch Ride", "Said here", "you"),
        ("1", "Morning Ride", "Up the hill", "toy"),
    ]


@WITH_THE_TOY
def test_who_asks_whether_changes_are_to_be_proposed_waits_for_no_decision(world: World) -> None:
    choose(world, "priority = 1", "[providers.strava]", 'write = ["name"]')
    world.subject.add("2026-01-10", "Up the hill")
    world.pull()
    run = world.run()
    lock = run.lake.state / "locks" / f"{DECIDING}.lock"
    with reading(run.lake) as connection:
        step = partial(update_proposals, run, world.settings, connection)
        for due in (True, False):
            assert is_due(connection, step) == due
            assert not lock.exists()
            step()
            lock.unlink(missing_ok=True)


@WITH_THE_TOY
def test_runs_propose_since_a_day_and_what_was_proposed_before_stays(world: World) -> None:
    choose(world, "priority = 1", "[providers.strava]", 'write = ["name"]', "[changes]", "propose_since = 2026-02-12")
    days = ("2025-06-10", "2026-02-11", "2026-02-12")
    for day in days:
        world.subject.add(day, f"of {day}")
    list_at_strava(world, *(at_strava(number, day, None) for number, day in enumerate(days, start=1)))
    world.pull()
    with reading(world.run().lake) as connection:
        (old,) = find_proposals(world.settings, connection, months=["2025-06"], now=NOW).changes
        first = find_proposals(world.settings, connection, months=None, now=NOW)
        second = find_proposals(world.settings, connection, months=None, now=NOW, standing=[old])
        assert [change.source_id for change in first.changes] == ["3"]
        assert [change.source_id for change in second.changes] == ["3", "1"]
        third = find_proposals(world.settings, connection, months=None, now=NOW, standing=[old], ended=[old.id])
        assert [change.source_id for change in third.changes] == ["3"], "a month is not compared for ever"
    world.change_account()
    world.pull()
    with reading(world.run().lake) as connection:
        comparison = compare_months(connection, comparing(world.settings, NOW), ["2026-02"])
        after = find_proposals(world.settings, connection, months=None, now=NOW, standing=[old])
    assert [row.cells["toy"].present for row in comparison.rows] == [False, False], "another login's rows do not count"
    assert after.changes == []


@WITH_THE_TOY
def test_where_the_login_may_only_read_a_difference_is_unsupported(world: World) -> None:
    choose(world, "priority = 1", "[providers.strava]", 'write = ["name"]')
    world.subject.add("2026-02-11", "Home")
    list_at_strava(world, at_strava(1, "2026-02-11", "Away"))
    world.pull()
    world.settings.secrets_dir.mkdir(exist_ok=True)
    for scope, status, proposed in (("read", "unsupported", 0), ("read,activity:write", "wrong", 1)):
        token = {"access_token": "a", "refresh_token": "r", "expires_at": 1, "scope": scope}
        (world.settings.secrets_dir / "strava_token.json").write_text(json.dumps(token))
        with reading(world.run().lake) as connection:
            found = compare_months(connection, comparing(world.settings, NOW), ["2026-02"])
        (row,) = found.rows
        assert row.cells["strava"].name_status == status
        assert len(found.changes["1"]) == proposed
        assert [bool(party.obstacle) for party in found.parties] == [False, not proposed]


@pytest.mark.parametrize("world", ["spreadsheet"], indirect=True)
def test_a_table_gets_rows_and_ids_of_what_strava_has(world: World) -> None:
    choose(world, 'write = ["name", "gear", "duration"]', "[gear.Blue]", 'strava = "b1"', 'spreadsheet = "Blue one"')
    world.subject.add("2026-02-11", "Home")
    list_at_strava(
        world,
        at_strava(1, "2026-02-11", "Morning Ride") | {"gear_id": "b1"},
        at_strava(2, "2026-02-20", "Away") | {"gear_id": "b1", "average_temp": 7.0},
    )
    world.pull("all")
    with reading(world.run().lake) as connection:
        found = find_proposals(world.settings, connection, months=None, now=NOW).changes
    shown = {change.kind: change for change in found}
    assert len(shown) == len(found)
    row = shown["add_activity"].new
    assert row == {
        "start_time": "2026-02-20T07:00:00",
        "activity_type": "Ride",
        "equipment": "Blue one",
        "duration_hms": 600,
        "distance": 2224.0,
        "temperature": 7.0,
        "strava_id": "2",
        "notes": "Away",
    }
    assert (shown["link_activity"].old, shown["link_activity"].new) == ({"strava_id": None}, {"strava_id": "1"})
    assert len(shown) == 2, "the row's own equipment is not linked, so nobody's gear leads there"
