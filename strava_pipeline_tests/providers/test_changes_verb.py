"""The command `changes`, with the toy: what is shown is what is approved, what is approved is what is written."""

import json
from pathlib import Path

import pytest

from strava_pipeline.ingest.clock import machine_clock
from strava_pipeline.operations.changes import comparing, writers
from strava_pipeline.testing.edits import Edited
from strava_pipeline.verbs import change_prompt, change_view
from strava_pipeline_tests.facts import shown
from strava_pipeline_tests.present import there
from strava_pipeline_tests.providers.worlds import WITH_THE_TOY, World
from strava_pipeline_tests.verbs.conftest import Type

pytestmark = pytest.mark.dear


@pytest.fixture
def one(world: World, monkeypatch: pytest.MonkeyPatch) -> Edited:
    for name, value in world.settings.environ().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(writers, "machine_clock", lambda speed: machine_clock(speed, now=world.subject.clock.now))
    return Edited(world, monkeypatch, 3)


def listed(type_in: Type, *options: str) -> dict[str, dict[str, object]]:
    typed = type_in("changes", "list", "--json", *options)
    assert typed.code == 0, typed.err
    found: dict[str, dict[str, object]] = json.loads(typed.out)["changes"]
    return found


@WITH_THE_TOY
def test_a_list_that_was_written_is_approved_as_it_is_and_an_edited_or_old_one_is_not(
    one: Edited, type_in: Type, tmp_path: Path
) -> None:
    path = tmp_path / "list.json"
    typed = type_in("changes", "list", "--out", str(path))
    assert (typed.code, "at the start 1" in typed.out, "Up hill 1" in typed.out) == (0, True, True)
    assert path.stat().st_mode & 0o777 == 0o600
    first, second, third = listed(type_in)
    whole = json.loads(path.read_text())
    edited = {"changes": {**whole["changes"], first: {**whole["changes"][first], "new": "another"}}}
    other = tmp_path / "other.json"
    other.write_text(json.dumps(edited))
    typed = type_in("changes", "approve", "--from", str(other))
    assert (typed.code, first in typed.err, second in typed.err, "another" in typed.err) == (1, True, False, False)
    other.write_text(json.dumps({"changes": {second: whole["changes"][second]}}))
    assert type_in("changes", "reject", "--from", str(other)).code == 0, "entries may be left out"
    one.world.subject.edit(one.keys[2], "somebody's own")
    one.world.pull()
    one.propose()
    typed = type_in("changes", "approve", "--from", str(path))
    assert (typed.code, third in typed.err) == (1, True), "it is proposed with another old value now"
    assert one.by_state() == {"proposed": ["Up hill 1", "Up hill 3"], "rejected": ["Up hill 2"]}, "all or nothing"
    typed = type_in("changes", "approve", first)
    assert (typed.code, "at the start 1" in typed.out) == (0, True), "both values are shown"
    assert [*listed(type_in, "--status", "approved")] == [first]
    assert listed(type_in, "--month", "2026-01") == {}


def check_refusals(one: Edited, type_in: Type) -> None:
    """What can't be decided or done is refused with its id."""
    first, *_ = listed(type_in)
    cases = [
        (["approve", "0123456789abcdef"], 2, "0123456789abcdef"),
        (["approve"], 2, "--from FILE"),
        (["approve", first, "--from", "x"], 2, "--from FILE"),
        (["approve", "--from", "/nowhere"], 2, "/nowhere"),
        (["apply", first], 1, first),
        (["undo", first], 1, "proposed"),
        (["show", "x"], 2, "x"),
        (["list", "--kind", "x"], 2, "update_name"),
    ]
    for words, code, said in cases:
        typed = type_in("changes", *words)
        assert (typed.code, said in typed.err) == (code, True), words
    typed = type_in("changes", "apply")
    assert (typed.code, typed.out) == (0, "Nothing is approved.\n")
    assert one.writes() == []


@WITH_THE_TOY
def test_all_of_a_kind_are_shown_and_approved_with_one_answer_and_a_dry_run_shows_what_would_be_sent(
    one: Edited, type_in: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_refusals(one, type_in)
    all_names = ("approve", "--kind", "update_name", "--month", "2026-02")
    typed = type_in("changes", *all_names)
    assert (typed.code, "Nobody can be asked here" in typed.err) == (2, True)
    monkeypatch.setattr(change_view, "is_asking", lambda: True)
    for words, yes, code, said, left in (
        (("approve", "--month", "2026-01"), True, 0, "No such change is proposed.", 3),
        (all_names, False, 1, "Nothing was decided.", 3),
        (all_names, True, 0, "Approved: 3 changes.", 0),
    ):
        monkeypatch.setattr(change_prompt.typer, "confirm", lambda *_, yes=yes, **__: yes)
        typed = type_in("changes", *words)
        assert (typed.code, said in typed.out, len(listed(type_in, "--status", "proposed"))) == (code, True, left)
        assert all(f'"Up hill {place}"' in typed.out for place in (1, 2, 3) if "2026-02" in words)
    lines = (one.world.settings.data_dir / "decisions" / "changes.jsonl").read_text().splitlines()
    assert len({json.loads(line)["id"] for line in lines}) == 3, "each has a decision of its own"
    check_dry_run(one, type_in)


def check_dry_run(one: Edited, type_in: Type) -> None:
    """It shows the requests and writes nothing."""
    one.world.subject.edit(one.keys[2], "somebody's own")
    typed = type_in("changes", "apply", "--dry-run")
    assert typed.code == 0
    assert typed.out.count("PUT /activities/") == 2
    assert '{"title": "Up hill 1"}' in typed.out
    assert "another value" in typed.out
    assert one.world.subject.secret not in typed.out + typed.err
    assert one.writes() == []
    assert one.by_state() == {"approved": ["Up hill 1", "Up hill 2", "Up hill 3"]}


@WITH_THE_TOY
def test_what_is_left_out_is_said_to_who_looks(world: World, type_in: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in world.settings.environ().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(comparing, "MOST_PROPOSED", 1)
    one = Edited(world, monkeypatch, 3)
    found = json.loads(type_in("changes", "list", "--json").out)
    ((key, change),) = found["changes"].items()
    assert (found["left_out"], type(change["activity_id"])) == (2, int)
    assert "2 more changes could be proposed" in type_in("changes", "list").out
    changes = shown(type_in("status", "--json").out)["changes"]
    assert (changes["text"], changes["values"]["left_out"]) == (
        "1 change to decide about, and 2 more when these are decided",
        2,
    )
    one.decide("rejected", [key])
    one.propose()
    found = json.loads(type_in("changes", "list", "--json").out)
    assert (found["left_out"], len(found["changes"])) == (1, 2), "a decision makes room"
    one.propose("2026-02")
    found = json.loads(type_in("changes", "list", "--json", "--status", "proposed").out)
    assert (found["left_out"], len(found["changes"])) == (0, 2), "a month that a person asks for is proposed whole"


@WITH_THE_TOY
def test_what_was_rejected_long_ago_stays_so_without_being_compared_and_can_be_approved_after_a_look(
    world: World, type_in: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in world.settings.environ().items():
        monkeypatch.setenv(name, value)
    one = Edited(world, monkeypatch, 1)
    (key,) = one.states()
    one.decide("rejected", [key])
    with world.settings.providers_config.open("a") as file:
        file.write("[changes]\npropose_since = 2026-03-01\n")
    decided_at = there(one.states()[key].decided_at)
    ahead = (decided_at - world.subject.clock.now()).total_seconds()
    world.subject.clock.advance(max(ahead, 0) + 6 * 86_400)
    for days, is_due in ((0, True), (2, False)):
        world.subject.clock.advance(days * 86_400)
        one.propose()
        assert world.gold("SELECT status, is_due FROM proposed_changes") == [("rejected", is_due)], days
    typed = type_in("changes", "approve", key)
    assert (typed.code, "sync-month 2026-02" in typed.err) == (1, True)
    one.propose("2026-02")
    assert type_in("changes", "approve", key).code == 0
    assert listed(type_in)[key]["status"] == "approved"


@WITH_THE_TOY
def test_apply_is_a_run_after_which_the_change_is_applied_and_can_be_taken_back(one: Edited, type_in: Type) -> None:
    one.decide()
    first, *_ = one.states()
    typed = type_in("changes", "apply")
    assert typed.code == 0, typed.err
    assert "Applied 3 changes" in typed.out
    assert {each["status"] for each in listed(type_in).values()} == {"applied"}
    assert (
        one.world.gold("SELECT DISTINCT name FROM activity_sources WHERE source = 'toy' AND name LIKE 'at the%'") == []
    )
    shown = json.loads(type_in("changes", "show", first, "--json").out)["changes"][first]
    assert shown["attempts"]["1"]["outcome"]["result"] == "applied"
    (intent,) = one.world.settings.data_dir.glob(f"**/{first}/*-intent.json")
    trip = json.dumps({"trip": {"name": "x", "track_points": [{"x": 13.4001, "y": 52.5}] * 3600}})
    kept = json.loads(intent.read_text())
    kept["before"] = [{"method": "GET", "address": "/trips/1.json", "status": 200, "body": trip}]
    intent.write_text(json.dumps(kept))
    for words in (["--json"], []):
        typed = type_in("changes", "show", first, *words)
        assert ("13.4001" in typed.out, "3,600 points" in typed.out) == (False, True)
    typed = type_in("changes", "undo", first)
    assert (typed.code, "Proposed." in typed.out) == (0, True)
    undo = next(key for key, each in listed(type_in, "--status", "proposed").items() if each["undoes"] == first)
    assert type_in("changes", "approve", undo).code == 0
    one.world.subject.fail_write(kind="status", status=429, headers={"Retry-After": "7200"})
    assert type_in("changes", "apply").code == 3
    assert listed(type_in)[undo]["status"] == "approved"
