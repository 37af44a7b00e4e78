"""Which activities are one, told to a person and to a program; and what a person decides."""

import json

import pytest

from strava_pipeline.lake.notifications import notifications
from strava_pipeline_tests.imports import a_gpx, loose_files, own_rows, shown, tracks
from strava_pipeline_tests.rig import Make, Rig
from strava_pipeline_tests.verbs.conftest import TypeOn

pytestmark = pytest.mark.dear


@pytest.fixture
def twice(make_rig: Make) -> Rig:
    """A run by watch and by phone, joined; and one that somebody recorded half of, at that place."""
    rig = make_rig(logged_in=False)
    (rig.folder / "watch.gpx").write_bytes(a_gpx(60))
    (rig.folder / "phone.gpx").write_bytes(a_gpx(58, latitude=48.0002))
    (rig.folder / "half.gpx").write_bytes(a_gpx(32, latitude=48.0001))
    rig.import_files(*(rig.folder / f"{name}.gpx" for name in ("watch", "phone", "half")))
    return rig


def ids(rig: Rig) -> dict[str, int]:
    return {name.removesuffix(".gpx"): one for one, name in rig.gold("SELECT id, external_id FROM activity_sources")}


def test_a_list_tells_what_is_joined_and_what_may_be(twice: Rig, type_on: TypeOn) -> None:
    typed, known = type_on(twice), ids(twice)
    person = typed("matches", "list")
    assert person.code == 0
    program = json.loads(typed("matches", "list", "--json").out)
    (joined,) = program["activities"]
    assert {each["id"] for each in joined["sources"]} == {known["watch"], known["phone"]}
    assert joined["sources"][0]["id"] == joined["activity_id"]
    (proposed,) = program["proposed"]
    assert {*proposed["ids"]} == {known["half"], joined["activity_id"]}, "of two activities once"
    assert all(each["verdict"] == "doubtful" and not each["joined"] for each in program["proposed"])
    assert program["decided"] == []
    assert "48.0" not in person.out + json.dumps(program), "no position"


def test_explaining_tells_the_points_of_any_two(twice: Rig, type_on: TypeOn) -> None:
    typed, known = type_on(twice), ids(twice)
    head = twice.one("SELECT activity_id FROM activity_members")
    one, other = (str(each) for each in sorted((known["watch"], known["phone"]), key=lambda each: each != head))
    half = str(known["half"])
    told = json.loads(typed("matches", "explain", one, half, "--json").out)
    assert told["evidence"]["verdict"] == "doubtful"
    assert set(told["evidence"]["points"]) == {"time", "distance", "place", "sport"}
    assert [each["joined"] for each in told["pairs"]] == [False]
    assert all(each in typed("matches", "explain", one).out for each in (one, other))


def test_a_person_s_word_joins_what_the_rules_left_apart(twice: Rig, type_on: TypeOn) -> None:
    typed, known = type_on(twice), ids(twice)
    asked = [each.message for each in notifications(twice.lake) if "until you say" in each.message]
    assert len(asked) == 1
    assert typed("matches", "join", str(known["half"]), str(known["watch"])).code == 0
    assert [each.message for each in notifications(twice.lake) if each.message in asked] == []
    assert twice.one("SELECT count(*) FROM activities") == 1
    assert twice.one("SELECT count(*) FROM activity_sources") == 3
    program = json.loads(typed("matches", "list", "--json").out)
    assert [each["decided"] for each in program["decided"]] == ["joined"]
    assert typed("matches", "split", str(known["half"])).code == 0
    assert twice.one("SELECT count(*) FROM activities") == 2
    refused = typed("matches", "split", str(known["half"]))
    assert refused.code == 1
    assert "stands for itself" in refused.err


def test_a_join_against_an_earlier_word_says_which(twice: Rig, type_on: TypeOn) -> None:
    typed, known = type_on(twice), ids(twice)
    watch, phone, half = (known[name] for name in ("watch", "phone", "half"))
    assert typed("matches", "join", str(watch), str(phone)).code == 0
    assert typed("matches", "split", str(watch), str(half)).code == 0
    refused = typed("matches", "join", str(phone), str(half))
    assert refused.code == 1
    assert f"{min(watch, half)} from {max(watch, half)}" in refused.err
    assert typed("matches", "join", str(watch), str(half)).code == 0
    assert twice.one("SELECT count(*) FROM activities") == 1


def test_two_of_strava_s_are_one_when_a_person_says_so_and_one_stands_for_both(make_rig: Make, type_on: TypeOn) -> None:
    rig = make_rig(activities=6, years=(2026, 2026), settings={"first_year": 2026})
    rig.begin_with("flow_backfill")
    rig.do("streams")
    typed, streamed = type_on(rig), {one for one, *_ in tracks(rig)}
    all_ids = sorted(row[0] for row in rig.gold("SELECT id FROM activities"))
    recorded = next(one for one in all_ids if one in streamed)
    other = next(one for one in all_ids if one != recorded)
    laps = {one: rig.one(f"SELECT count(*) FROM activity_laps WHERE activity_id = {one}") for one in (recorded, other)}
    rig.calls()
    assert typed("matches", "join", str(recorded), str(other)).code == 0
    head = rig.one("SELECT DISTINCT activity_id FROM activity_members")
    (rest,) = {recorded, other} - {head}
    assert {one for one, *_ in tracks(rig)} >= {head}, "whichever of the two has points"
    rig.do("streams")
    rig.do("flow")
    asked = rig.calls()["by_endpoint"]
    assert set(asked) == {"/athlete/activities"}, "all that either needs is there"
    assert typed("archive", "verify", str(rig.archive("export.zip"))).code == 0
    rig.control("delete", id=head)
    rig.do("reconcile", [2026])
    assert rig.gold(f"SELECT id FROM activities WHERE id IN ({head}, {rest})") == [(rest,)]
    assert rig.one(f"SELECT count(*) FROM activity_laps WHERE activity_id = {rest}") == laps[rest]


def test_what_can_t_be_meant_is_refused_and_decides_nothing(twice: Rig, type_on: TypeOn) -> None:
    typed, known = type_on(twice), ids(twice)
    one = str(known["watch"])
    assert typed("matches", "join", one, one).code == 2
    assert typed("matches", "join", one, "seven").code == 2
    nobody = typed("matches", "join", one, "-7")
    assert nobody.code == 1
    assert "No activity has the id -7" in nobody.err
    assert typed("matches", "explain", "12").code == 1
    assert typed("matches", "explain", one, str(2**63)).code == 1
    assert typed("matches", "explain", one, one).code == 2
    assert not twice.lake.decisions.exists()


def test_what_is_split_is_as_it_was_and_stays_so_through_a_rebuild(make_rig: Make, type_on: TypeOn) -> None:
    rig = make_rig(logged_in=False)
    (rig.folder / "watch.gpx").write_bytes(a_gpx())
    (rig.folder / "phone.gpx").write_bytes(a_gpx(29, latitude=48.0002))
    rig.import_files(rig.folder / "watch.gpx")
    alone = rig.one("SELECT id FROM activities")
    rig.import_files(rig.folder / "phone.gpx")
    one, other = (row[0] for row in rig.gold("SELECT id FROM activity_sources ORDER BY id"))
    assert alone in (one, other)
    assert rig.gold("SELECT id, activity_id, place FROM activity_members ORDER BY place") == [
        (one, one, 0),
        (other, one, 1),
    ]
    assert [row[0] for row in rig.gold("SELECT id FROM activities")] == [one]
    assert [row[0] for row in tracks(rig)] == [one]
    joined, stored = (shown(rig), tracks(rig)), own_rows(rig)

    typed = type_on(rig)
    assert typed("matches", "split", str(one)).code == 0
    apart = shown(rig), tracks(rig)
    assert {row[0] for row in rig.gold("SELECT id FROM activities")} == {one, other}
    assert {row[0] for row in tracks(rig)} == {one, other}
    assert {row[0] for row in rig.gold("SELECT activity_id FROM activity_sessions")} == {one, other}
    assert own_rows(rig) == stored, "no row of any source was touched"
    rig.do("rebuild")
    assert (shown(rig), tracks(rig)) == apart
    rig.import_files(rig.folder / "phone.gpx")
    assert (shown(rig), tracks(rig)) == apart

    said = typed("matches", "join", str(other), str(one))
    assert said.code == 0, said.err
    assert f"{other} and {one} are one activity now: {one}." in said.out
    assert (shown(rig), tracks(rig)) == joined
    rig.do("rebuild")
    assert (shown(rig), tracks(rig)) == joined


def test_a_split_activity_has_its_own_streams_again(make_rig: Make, type_on: TypeOn) -> None:
    rig = make_rig(activities=4, years=(2025, 2025))
    rig.begin_with("flow_backfill")
    rig.do("streams")
    before = tracks(rig)
    rig.import_files(loose_files(rig))
    heads = [row[0] for row in rig.gold("SELECT DISTINCT activity_id FROM activity_members")]
    assert {one for one, *_ in tracks(rig)} == {one for one, *_ in before}
    origins = f"SELECT DISTINCT source FROM '{rig.lake.tracks}/*/*.parquet'"
    assert ("file",) in rig.gold(origins)
    for head in heads:
        assert type_on(rig)("matches", "split", str(head)).code == 0
    assert [track for track in tracks(rig) if track[0] > 0] == before
    assert len(tracks(rig)) == len(before) + len(heads)
