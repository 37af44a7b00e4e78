"""Garmin's writer beside its emulator: what is sent for a name or gear, what is refused, and what a reading then finds."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.changes.records import Change, Kind, is_same
from strava_pipeline.core.changes.states import ChangeState
from strava_pipeline.core.errors import (
    ForbiddenError,
    GoneError,
    LimitReachedError,
    NeedsLoginError,
    PipelineError,
    RefusedError,
    TransientError,
)
from strava_pipeline.core.json_values import parse_json
from strava_pipeline.emulator.service import Fault
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock, machine_clock
from strava_pipeline.ingest.garmin.emulator.service import NOT_OWNER
from strava_pipeline.ingest.garmin.record import SPEC
from strava_pipeline.ingest.garmin.writes import GarminWriter, connect_writer
from strava_pipeline.ingest.writer import HalfDoneError, UnsupportedChangeError
from strava_pipeline.lake.changes import attempts_of
from strava_pipeline.operations.changes.applying import apply_at
from strava_pipeline_tests.ingest.garmin.subject import GEAR as BLUE
from strava_pipeline_tests.ingest.garmin.subject import GarminSubject, running
from strava_pipeline_tests.present import there
from strava_pipeline_tests.providers.worlds import World

Connect = Callable[..., GarminWriter]
RED, SHOES, METER, OLD, TWIN = (digit * 32 for digit in "12345")
NOVA = "789dccf8b6694903bf467d8d9369124e"  # of the newer list
NOVA_DASHED, RED_DASHED = "789dccf8-b669-4903-bf46-7d8d9369124e", "11111111-1111-1111-1111-111111111111"
METER_DASHED = "33333333-3333-3333-3333-333333333333"
LINKS, ACTIVITY = "/gear-service/gear", "/activity-service/activity"


def piece(uuid: str, name: str, kind: str = "Bike", status: str = "active") -> dict[str, Any]:
    return {"uuid": uuid, "gearTypeName": kind, "gearStatusName": status, "displayName": name}


@pytest.fixture
def garmin() -> Iterator[GarminSubject]:
    with running() as subject:
        pieces = [piece(RED, "Red"), piece(SHOES, "Shoes", "Shoes"), piece(METER, "Meter", "Other")]
        pieces += [piece(OLD, "Old", status="retired"), piece(TWIN, "Blue bike")]
        subject.garmin.gear += pieces
        nova = {"uuid": NOVA_DASHED, "gearType": "BIKE", "status": "ACTIVE", "name": "Nova"}
        subject.garmin.new_gear.append(nova)
        yield subject


@pytest.fixture
def connect(garmin: GarminSubject, tmp_path: Path) -> Connect:
    """Makes writers, as runs one after the other do; each waits on the emulator's clock."""

    def connected(interval: float = 0) -> GarminWriter:
        clock = ServerClock(garmin.clock.now, garmin.clock.epoch, garmin.clock.advance)
        secrets: dict[str, Any] = {"secrets_dir": tmp_path / "secrets"}
        settings = Settings(_env_file=None, pauses=interval, **secrets, **garmin.settings)
        if not (tmp_path / "secrets").exists():
            garmin.log_in(settings)
        return connect_writer(settings, clock, lambda why, seconds: None)

    return connected


@pytest.fixture
def key(garmin: GarminSubject) -> str:
    garmin.add("2026-02-20", "Vienna Cycling", began="2026-02-20T00:30:00+01:00")
    garmin.add("2026-02-19", "the day before")
    return garmin.add("2026-02-20", "To the lake", began="2026-02-20T00:40:00+01:00")


def changed(key: str | None, kind: Kind = "update_name", new: Any = "Round the lake", **more: Any) -> Change:
    """A change of an activity's name; or of its gear, by ids where `old_id` or `new_id` is given."""
    old = {"old": "To the lake"} if kind == "update_name" else {"old": "Blue bike"}
    known: dict[str, Any] = {"start": datetime.fromisoformat("2026-02-19T23:40:00Z"), **old, **more}
    return Change(kind=kind, provider="garmin", month="2026-02", source_id=key, new=new, **known)


def geared(key: str, old: str | None, new: str | None) -> Change:
    """A change of gear by ids."""
    return changed(key, "update_gear", new=new and "new", old=old and "old", old_id=old, new_id=new)


def sent(garmin: GarminSubject) -> list[tuple[str, Any, int]]:
    """Path, body and status of the changes that reached Garmin; all are PUT."""
    writes = garmin.journal.report()["writes"]
    assert {each["method"] for each in writes} <= {"PUT"}
    return [(each["path"], each["body"], each["status"]) for each in writes]


@pytest.mark.parametrize("new", ["Round the lake", "\u00d6\u011fle \U0001f6b4", None], ids=["name", "odd", "none"])
def test_a_name_is_one_request_and_the_list_of_the_day_then_shows_it(
    garmin: GarminSubject, connect: Connect, key: str, new: str | None
) -> None:
    wanted, writer = changed(key, new=new), connect()
    before = writer.read(wanted)
    assert (before.value, before.page, writer.calls) == ("To the lake", None, 1)
    (request,) = writer.requests(wanted, before)
    body = {"activityId": int(key), "activityName": new or ""}
    assert (request.method, request.address, request.body, sent(garmin)) == ("PUT", f"{ACTIVITY}/{key}", body, [])
    (answered,) = writer.write([wanted], [before])
    assert (answered.status, answered.body, sent(garmin)) == (204, b"", [(f"{ACTIVITY}/{key}", body, 204)])
    after = writer.read(wanted)
    assert is_same("update_name", after.value, new)
    assert (writer.calls, len(after.answers)) == (4, 1)
    assert after.page is not None
    assert parse_json(after.page.body) == [garmin.garmin.activities[int(key) - back] for back in (0, 2, 1)], "as listed"
    assert after.page.read == SPEC.read_page(parse_json(after.page.body))


@pytest.mark.parametrize(
    "fault",
    [{"status": 500, "times": 3}, {"status": 404}, {"kind": "body", "body": []}, {"kind": "body"}],
    ids=["down", "not there", "not listed yet", "listed by the old name"],
)
def test_a_list_that_does_not_show_the_name_yet_leaves_the_detail(
    garmin: GarminSubject, connect: Connect, key: str, fault: dict[str, Any]
) -> None:
    wanted, listed = changed(key), [dict(garmin.garmin.activities[int(key)])]
    garmin.edit(key, "Round the lake")
    garmin.fail(**({"kind": "status", "body": listed} | fault))
    page = there(connect().read(wanted).page)
    (row,) = page.read.activities
    assert (row["source_id"], row["name"], len(parse_json(page.body))) == (key, "Round the lake", 1)


@pytest.mark.parametrize(
    ("fault", "error", "calls", "becomes"),
    [
        ({"kind": "status", "status": 400}, RefusedError, 1, "old"),
        ({"kind": "status", "status": 401}, None, 2, "new"),
        ({"kind": "status", "status": 401, "times": 2}, NeedsLoginError, 2, "old"),
        ({"kind": "status", "status": 403, "body": NOT_OWNER}, ForbiddenError, 1, "old"),
        ({"kind": "status", "status": 403, "body": {}}, LimitReachedError, 1, "old"),
        ({"kind": "status", "status": 404}, GoneError, 1, "old"),
        ({"kind": "status", "status": 429}, LimitReachedError, 1, "old"),
        ({"kind": "status", "status": 500}, TransientError, 1, "old"),
        ({"kind": "html", "status": 200}, TransientError, 1, "old"),
        ({"kind": "reset"}, TransientError, 1, "old"),
        ({"kind": "reset", "processed": True}, TransientError, 1, "new"),
        ({"kind": "empty", "status": 204}, None, 1, "old"),
    ],
    ids=lambda value: "-".join(str(each) for each in value.values()) if isinstance(value, dict) else "",
)
def test_a_name_is_sent_once_whatever_comes_back_unless_only_the_token_was_refused(
    garmin: GarminSubject,
    connect: Connect,
    key: str,
    fault: dict[str, Any],
    error: type[PipelineError] | None,
    calls: int,
    becomes: str,
) -> None:
    wanted, writer = changed(key), connect()
    before = writer.read(wanted)
    garmin.faults.order(Fault.from_order({"path": f"{ACTIVITY}/{key}", "exact": True, **fault}, ""))
    with nullcontext() if error is None else pytest.raises(error):
        writer.write([wanted], [before])
    assert writer.calls == 1 + calls
    assert connect().read(wanted).value == {"old": "To the lake", "new": "Round the lake"}[becomes]


def put(verb: str, uuid: str, status: int = 200) -> tuple[str, None, int]:
    """A call of the older generation in the journal, without the activity."""
    return f"{LINKS}/{verb}/{uuid}/activity/", None, status


def all_of(*dashed: str) -> tuple[str, list[str], int]:
    """The newer call."""
    return "/gear-service/activity/v2//associated-gear", [*dashed], 204


SWAPPED = [put("unlink", BLUE), put("link", RED)]


@pytest.mark.parametrize(
    ("linked", "old", "new", "writes", "after"),
    [
        ([BLUE], BLUE, RED, SWAPPED, [RED]),
        ([METER, BLUE], BLUE, RED, SWAPPED, [METER, RED]),
        ([SHOES], SHOES, RED, [put("unlink", SHOES), put("link", RED)], [RED]),
        ([METER], METER, RED, [put("link", RED)], [METER, RED]),
        ([METER], METER, OLD, UnsupportedChangeError, [METER]),
        ([BLUE, RED], BLUE, RED, [put("unlink", BLUE)], [RED]),
        ([BLUE, TWIN], BLUE, RED, SWAPPED, [TWIN, RED]),
        ([], None, RED, [put("link", RED)], [RED]),
        ([BLUE], BLUE, None, [put("unlink", BLUE)], []),
        ([METER, BLUE], BLUE, None, [put("unlink", BLUE)], [METER]),
        ([BLUE], BLUE, NOVA, [put("unlink", BLUE), put("link", NOVA, 404), all_of(NOVA_DASHED)], [NOVA]),
        ([METER, NOVA], NOVA, RED, [put("unlink", NOVA, 404), all_of(METER_DASHED, RED_DASHED)], [METER, RED]),
        ([NOVA], NOVA, None, [put("unlink", NOVA, 404), all_of()], []),
    ],
    ids=[
        "a bike",
        "a bike beside a power meter",
        "a bike for shoes",
        "a power meter stays",
        "retired",
        "linked already",
        "one of two bikes",
        "none before",
        "none after",
        "the power meter alone after",
        "a new app's piece",
        "in place of a new app's piece",
        "no new app's piece",
    ],
)
def test_only_the_gear_that_is_replaced_is_unlinked(
    garmin: GarminSubject,
    connect: Connect,
    key: str,
    linked: list[str],
    old: str,
    new: str,
    writes: Any,
    after: list[str],
) -> None:
    garmin.garmin.linked[int(key)] = linked
    wanted, writer = geared(key, old, new), connect()
    before = writer.read(wanted)
    assert before.value == old
    with pytest.raises(writes) if isinstance(writes, type) else nullcontext():
        assert sent(garmin) == []
        asked = writer.requests(wanted, before)
        answers = writer.write([wanted], [before])
        assert [(path.replace(key, ""), body, status) for path, body, status in sent(garmin)] == writes
        done = [status for *_, status in writes if status != 404]
        assert [each.status for each in answers] == done
        older = [path for path, *_ in writes if "v2" not in path]
        assert [request.address.replace(key, "") for request in asked][: len(older)] == older
    assert garmin.garmin.linked[int(key)] == after
    found = writer.read(wanted)
    assert found.value == (old if isinstance(writes, type) else new)
    assert found.gear is not None
    assert [each["uuid"] for each in parse_json(found.gear.body)] == after
    assert (before.page, found.page is None) == (None, isinstance(writes, type))


@pytest.mark.parametrize("keeps", [True, False], ids=["adds", "replaces"])
def test_a_new_piece_is_linked_whether_or_not_its_call_keeps_what_it_does_not_name(
    garmin: GarminSubject, connect: Connect, key: str, keeps: bool
) -> None:
    garmin.garmin.keeps_gear = keeps
    garmin.garmin.linked[int(key)] = [METER, BLUE]
    wanted, writer = geared(key, BLUE, NOVA), connect()
    writer.write([wanted], [writer.read(wanted)])
    assert (garmin.garmin.linked[int(key)], writer.read(wanted).value) == ([METER, NOVA], NOVA)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"path": f"{LINKS}/link/*", "status": 400}, RefusedError),
        ({"path": f"{LINKS}/link/*", "status": 500}, TransientError),
        ({"path": f"{LINKS}/link/*", "status": 429}, LimitReachedError),
        ({"path": "/gear-service/activity/v2/*", "status": 404}, GoneError),
    ],
    ids=["refused", "down", "limit", "unknown to both calls"],
)
def test_a_change_that_is_done_in_part_says_so_and_can_be_done_from_there(
    garmin: GarminSubject, connect: Connect, key: str, fault: dict[str, Any], error: type[PipelineError]
) -> None:
    new = NOVA if error is GoneError else RED
    garmin.faults.order(Fault.from_order({"kind": "status", "times": 2, **fault}, ""))
    wanted, writer = geared(key, BLUE, new), connect()
    with pytest.raises(HalfDoneError, match="earlier gear was unlinked"):
        writer.write([wanted], [writer.read(wanted)])
    again, writer = geared(key, None, new), connect()
    before = writer.read(again)
    assert (garmin.garmin.linked[int(key)], before.value) == ([], None)
    with pytest.raises(error):  # nothing was unlinked
        writer.write([again], [before])
    writer.write([again], [before])
    assert writer.read(again).value == new


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"old_id": BLUE, "new_id": OLD}, "retired"),
        ({"old_id": BLUE, "new_id": "8" * 32}, "no such gear"),
        ({}, "no such gear"),
        ({"kind": "update_metadata", "new": 600}, "takes no change"),
        ({"key": None}, "no counterpart"),
    ],
    ids=["retired", "unknown", "not linked", "duration", "no activity"],
)
def test_what_cannot_be_changed_is_refused_without_a_value_and_nothing_is_sent(
    garmin: GarminSubject, connect: Connect, key: str, change: dict[str, Any], why: str
) -> None:
    wanted, writer = changed(**({"key": key, "kind": "update_gear", "new": "Loze"} | change)), connect()
    with pytest.raises(UnsupportedChangeError, match=why) as refused:
        writer.write([wanted], [writer.read(wanted)])
    assert sent(garmin) == []
    assert "Loze" not in str(refused.value)


def test_an_activity_gone_is_gone_and_gear_is_listed_once(garmin: GarminSubject, connect: Connect, key: str) -> None:
    writer = connect()
    for _ in range(2):
        writer.read(geared(key, BLUE, RED))
    assert writer.calls == 4, "the gear of the activity twice, and two lists"
    none = connect()
    none.read(geared(key, BLUE, None))
    assert none.calls == 1
    garmin.delete(key)
    del garmin.garmin.linked[int(key)]
    with pytest.raises(GoneError):
        writer.read(changed(key))
    gear = geared(key, None, RED)
    with pytest.raises(GoneError):
        writer.write([gear], [writer.read(gear)])


@pytest.fixture
def world(garmin: GarminSubject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(ServerClock, "sleep", lambda _, seconds: garmin.clock.advance(max(seconds, 0.0)))
    folders: dict[str, Any] = {name: tmp_path / name for name in ("data_dir", "logs_dir", "secrets_dir")}
    settings = Settings(_env_file=None, **folders, pauses=0, first_year=2024, **garmin.settings)
    garmin.log_in(settings)
    return World(garmin, settings)


@pytest.mark.slow
def test_gold_has_the_gear_that_the_activity_has_then(world: World, garmin: GarminSubject) -> None:
    cases = {  # which activity: the start that is known of it, whether the second request fails, and the calls
        "out of the list": ("2026-02-20T06:00:00Z", False, 7),
        "out of the detail": (None, False, 7),
        "of another day": ("2026-01-01T06:00:00Z", False, 8),
        "half done": (None, True, 7),
    }
    keys = {name: garmin.add(f"2026-02-{day}", name) for day, name in enumerate(cases, 20)}
    world.pull()
    run = world.run()
    for name, (start, fails, calls) in cases.items():
        wanted = replace(geared(keys[name], BLUE, RED), start=datetime.fromisoformat(start) if start else None)
        if fails:
            garmin.faults.order(Fault.from_order({"path": f"{LINKS}/link/*", "kind": "status", "status": 500}, ""))
        writer = connect_writer(world.settings, machine_clock(now=garmin.clock.now), lambda why, seconds: None)
        state = ChangeState(wanted, round=1, state="approved", proposed_at=run.now(), since=run.now())
        report = apply_at(run, "garmin", lambda writer=writer: writer, [state], most=None)
        assert report.results == {"conflicted" if fails else "applied": 1}, name
        assert writer.calls == calls, name
        (outcome,) = attempts_of(run.lake, wanted.id).outcomes.values()
        assert ("earlier gear was unlinked" in outcome.message) is fails, name
    world.merge(run)
    gear = world.gold("SELECT name, gear_id FROM activities ORDER BY start_date")
    assert gear == [(name, None if fails else RED) for name, (_, fails, _) in cases.items()]
