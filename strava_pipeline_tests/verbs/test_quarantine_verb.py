"""`quarantine list`, `retry` and `drop` as a person types them, and what `status` and `enrich` say of the quarantine."""

import json
from datetime import timedelta
from typing import Any

import pytest

from strava_pipeline.lake.gold.notes import mark_changed
from strava_pipeline.lake.gold.warehouse import writing
from strava_pipeline_tests.facts import shown
from strava_pipeline_tests.lake.bronze import land_failed_detail
from strava_pipeline_tests.rig import NOW, Make, Rig
from strava_pipeline_tests.verbs.conftest import Type, Typed, TypeOn

pytestmark = pytest.mark.slow


@pytest.fixture
def rig(make_rig: Make) -> Rig:
    return make_rig(jumping=True)


@pytest.fixture
def sick(rig: Rig) -> list[int]:
    """Three old activities that failed thrice, the first two with 500, the last with 404; all faults last."""
    chosen = sorted((item for item in rig.truth() if item["start_date"] < "2025"), key=lambda item: int(item["id"]))[:3]
    for one, status in zip(chosen, (500, 500, 404), strict=True):
        rig.fault(f"/activities/{one['id']}", "status", status=status, times=-1)
        for days in (20, 10):
            land_failed_detail(
                rig.lake, int(one["start_date_local"][:4]), one["id"], b"", status, NOW - timedelta(days=days)
            )
    rig.do("flow_backfill")
    rig.calls()
    return [one["id"] for one in chosen]


@pytest.fixture
def typed(rig: Rig, type_on: TypeOn) -> Type:
    return type_on(rig)


def listed(typed: Type) -> dict[int, dict[str, Any]]:
    said = typed("quarantine", "list", "--json")
    assert said.code == 0
    return {row["activity_id"]: row for row in json.loads(said.out)["activities"]}


def held(typed: Type) -> dict[str, Any]:
    values = dict(shown(typed("status", "--json").out)["strava quarantine"]["values"])
    del values["held"]
    return values


def table(rig: Rig) -> dict[int, tuple[Any, ...]]:
    found = rig.gold("SELECT activity_id, failures, dropped_at IS NOT NULL, retry_at IS NULL FROM quarantine")
    return {row[0]: row[1:] for row in found}


@pytest.mark.dear
def test_with_nothing_in_it_every_verb_says_so(rig: Rig, typed: Type) -> None:
    for pulled in (False, True):
        for words in (("list",), ("retry", "--all")):
            said = typed("quarantine", *words)
            assert (said.code, said.out.startswith("Nothing is in quarantine")) == (0, True)
        assert listed(typed) == {}
        if not pulled:
            rig.do("flow_backfill")
    assert held(typed) == {"activities": 0, "since": None, "dropped": 0, "unreadable_rows": 0}


@pytest.mark.dear
def test_list_shows_what_came_and_what_is_next_without_the_answer(rig: Rig, typed: Type, sick: list[int]) -> None:
    rows = listed(typed)
    assert sorted(rows) == sick
    truth = {item["id"]: item for item in rig.truth()}
    for one, status in zip(sick, (500, 500, 404), strict=True):
        row = rows[one]
        assert (row["name"], row["start_date"]) == (truth[one]["name"], truth[one]["start_date"])
        assert (row["failures"], row["status"], row["dropped_at"]) == (3, status, None)
        (newest, *_) = sorted((str(path) for path in rig.lake.details.rglob(f"{one}/*.failed-*")), reverse=True)
        assert (row["evidence"], row["evidence_bytes"] > 0) == (newest, True)
        assert row["first_failed_at"] < row["last_failed_at"] < row["retry_at"]
    said = typed("quarantine", "list")
    assert said.code == 0
    assert [str(one) in said.out for one in sick] == [True] * 3
    assert rig.calls()["total"] == 0


@pytest.mark.dear
def test_status_says_how_many_since_when_and_where_to_look(typed: Type, sick: list[int]) -> None:
    since = min(row["first_failed_at"] for row in listed(typed).values())
    assert held(typed) == {"activities": 3, "since": since, "dropped": 0, "unreadable_rows": 0}
    typed("quarantine", "drop", str(sick[0]))
    assert held(typed)["activities"] == 2
    typed("quarantine", "drop", *map(str, sick))
    assert held(typed) == {"activities": 0, "since": None, "dropped": 3, "unreadable_rows": 0}


@pytest.mark.dear
def test_retry_asks_at_once_a_call_each_and_the_healed_ones_leave(rig: Rig, typed: Type, sick: list[int]) -> None:
    said = typed("quarantine", "retry", str(sick[0]))
    assert (said.code, rig.calls()["details"]) == (0, {str(sick[0]): 1})
    assert f"failed: {sick[0]}" in said.out
    assert table(rig)[sick[0]][0] == listed(typed)[sick[0]]["failures"] == 4
    rig.clear_faults()
    rig.calls()
    said = typed("quarantine", "retry", f"{sick[0]},{sick[1]}")
    assert (said.code, rig.calls()["details"]) == (0, {str(one): 1 for one in sick[:2]})
    assert "Fetched 2 details in 2 calls" in said.out
    assert sorted(table(rig)) == sorted(listed(typed)) == sick[2:]
    assert typed("quarantine", "retry", "--all").code == 0
    assert (table(rig), listed(typed)) == ({}, {})
    rig.assert_true_to_source()


@pytest.mark.dear
def test_a_dropped_one_is_asked_for_by_nobody_until_a_person_says_retry(rig: Rig, typed: Type, sick: list[int]) -> None:
    dropped, *others = sick
    assert typed("quarantine", "drop", str(dropped)).code == 0
    assert table(rig)[dropped] == (3, True, True), "at once"
    assert listed(typed)[dropped]["retry_at"] is None
    rig.clear_faults()
    rig.calls()
    assert typed("quarantine", "retry", "--all").code == 0
    asked = rig.calls()["details"]
    assert [str(one) in asked for one in sick] == [False, True, True]
    refused = typed("enrich", "--ids", f"{dropped},{others[0]}")
    assert (refused.code, f"quarantine retry {dropped}" in refused.err) == (1, True)
    assert typed("quarantine", "retry", str(dropped)).code == 0
    assert rig.calls()["details"] == {str(dropped): 1}
    assert table(rig) == {}
    lines = (rig.lake.decisions / "quarantine.jsonl").read_text().splitlines()
    assert [json.loads(line)["dropped"] for line in lines] == [True, False]


@pytest.mark.dear
def test_dropping_again_decides_nothing_and_a_failed_retry_takes_back(rig: Rig, typed: Type, sick: list[int]) -> None:
    for _ in range(2):
        assert typed("quarantine", "drop", str(sick[2])).code == 0
    assert typed("quarantine", "retry", str(sick[2])).code == 0
    assert table(rig)[sick[2]] == (4, False, False)
    assert len((rig.lake.decisions / "quarantine.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("retry",), 2, "--all"),
        (("retry", "1", "--all"), 2, "--all"),
        (("retry", "one"), 2, "whole numbers"),
        (("retry", "99"), 1, "Not in quarantine: 99."),
        (("drop",), 2, "which ones"),
        (("drop", "1,x"), 2, "whole numbers"),
        (("drop", "99", "98"), 1, "Not in quarantine: 98, 99."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_can_t_be_meant_is_refused_and_nothing_is_decided(
    rig: Rig, typed: Type, words: tuple[str, ...], code: int, says: str
) -> None:
    rig.begin_with("flow_backfill")
    rig.calls()
    said: Typed = typed("quarantine", *words)
    assert (said.code, says in said.err) == (code, True), said
    assert (rig.calls()["total"], rig.lake.decisions.exists()) == (0, False)


@pytest.mark.dear
def test_a_retry_that_meets_a_limit_ends_with_3(rig: Rig, typed: Type, sick: list[int]) -> None:
    assert typed("quarantine", "retry", "--all", "--max-calls", "1").code == 3
    assert rig.calls()["total"] == 1


@pytest.mark.dear
def test_a_drop_publishes_nothing_that_a_run_would_not(rig: Rig, sick: list[int], typed: Type) -> None:
    with writing(rig.lake) as connection:
        connection.execute("DELETE FROM activities_all WHERE id = (SELECT min(id) FROM activities_all)")
        mark_changed(connection)
    said = typed("quarantine", "drop", str(sick[0]))
    assert said.code == 0
    assert "rows_kept" in said.err
    assert "The decision is kept" in said.err
    assert rig.one("SELECT count(*) FROM activities_all") == 30
    assert held(typed)["dropped"] == 1
