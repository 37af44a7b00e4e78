"""Ids, names and objects at the edge of what JSON can say, through every stage of whole runs and out of the command line."""

import json
import shutil
from typing import Any

import pytest

from strava_pipeline_tests.jumping import QUICK
from strava_pipeline_tests.orchestrate.test_rebuild import everything, lose_all_but_bronze
from strava_pipeline_tests.rig import Make, Rig
from strava_pipeline_tests.verbs.conftest import TypeOn

pytestmark = pytest.mark.slow

LISTING, DETAIL = "/athlete/activities", "/activities/{id}"

IDS = [2**53 - 1, 2**53, 2**53 + 1, 2**53 + 2, 2**62 + 1, 2**63 - 2, 2**63 - 1]

NAMES = {
    "sql": "'; DROP TABLE activities_all; --",
    "script": "<script>alert(1)</script>&amp;",
    "markup": "[red]hot[/red] [/] [bold",
    "braces": "{0} {name} %s %(x)s ${HOME} `id`",
    "controls": "".join(map(chr, range(32))) + "\x7f\x9b31m\x1b[31m",
    "long": "x" * 255,
    "emoji": "🏃‍♀️🇳🇿 e\u0301",
    "bom": "\ufeffRun\ufeff",
    "bidi": "\u202egpj.exe\u202c",
    "separators": "a\u2028b\u2029c\u0085d",
    "quotes": "\"\\\"\\\\''",
    "empty": "",
    "spaces": "  \t\n ",
    "null": "null",
    "path": "../../../etc/passwd",
}


def add(rig: Rig, **fields: Any) -> int:
    return int(rig.control("add", activity={"start_date": "2026-03-01T08:00:00Z", **fields})["id"])


@pytest.mark.dear
def test_ids_beyond_a_double_stay_themselves_from_the_listing_to_the_terminal(make_rig: Make, type_on: TypeOn) -> None:
    rig = make_rig(activities=0)
    for one in IDS:
        add(rig, id=one, name=f"N{one}", description=f"D{one}", laps=[{"id": one, "lap_index": 1}])
    typed = type_on(rig)
    rig.do("flow_backfill")
    assert rig.calls()["details"] == {str(one): 1 for one in IDS}
    rig.assert_true_to_source()
    folders = {path.parent.name for path in rig.lake.details.rglob("*.json.gz")}
    assert folders == set(map(str, IDS))
    query = (
        "SELECT a.id, name, description, l.id AS lap_id FROM activities a JOIN activity_laps l ON l.activity_id = a.id "
    )
    query = query.replace("description", "d.description").replace("name", "a.name")
    query += "JOIN activity_details d ON d.activity_id = a.id ORDER BY a.id"
    for output in ("json", "csv", "table"):
        said = typed("sql", query, "--format", output)
        assert said.code == 0, said.err
        for one in IDS:
            assert str(one) in said.out
            assert f"D{one}" in said.out
        if output == "json":
            assert [(row["id"], row["name"]) for row in json.loads(said.out)] == [(one, f"N{one}") for one in IDS]
    assert typed("enrich", "--ids", f"{2**63 - 1},{2**53 + 1}").code == 0
    assert rig.calls()["details"] == {str(2**63 - 1): 1, str(2**53 + 1): 1}
    unknown = typed("enrich", "--ids", f"{2**63}")
    assert unknown.code == 1
    assert str(2**63) in unknown.err
    assert rig.calls()["total"] == 0
    before = everything(rig)
    lose_all_but_bronze(rig)
    rig.do("compact")
    assert everything(rig) == before


@pytest.mark.dear
def test_hostile_names_come_out_as_they_went_in_and_break_no_output(make_rig: Make, type_on: TypeOn) -> None:
    rig = make_rig(activities=0)
    ids = {add(rig, name=name, description=name * 50, gear_id=f"b{n}"): name for n, name in enumerate(NAMES.values())}
    typed = type_on(rig)
    assert typed("flow-backfill", "--verbose").code == 0
    assert dict(rig.gold("SELECT id, name FROM activities")) == ids
    assert dict(rig.gold("SELECT activity_id, description FROM activity_details")) == {
        k: v * 50 for k, v in ids.items()
    }
    said = typed("sql", "SELECT id, name FROM activities", "--format", "json")
    assert {row["id"]: row["name"] for row in json.loads(said.out)} == ids
    for output in ("csv", "table"):
        said = typed("sql", "SELECT id, name FROM activities ORDER BY id", "--format", output)
        assert said.code == 0
        assert NAMES["markup"] in said.out
    assert typed("status").code == 0


@pytest.mark.dear
def test_half_a_surrogate_pair_and_nul_cross_the_wire_and_stop_nothing(rig: Rig, type_on: TypeOn) -> None:
    body = '[{"id": 5, "name": "a\\ud800b", "start_date": "2026-03-01T08:00:00Z", "extra\\udfff": 1},'
    body += '{"id": 6, "name": "a\\u0000b", "start_date": "2026-03-01T08:00:00Z"}]'
    rig.fault(LISTING, "body", body=body)
    typed = type_on(rig)
    rig.do("run_all")
    rig.do("compact")
    assert rig.gold("SELECT id, name FROM activities ORDER BY id") == [(5, "a?b"), (6, "a\0b")]
    assert "\\ud800" in rig.one("SELECT extra FROM activities WHERE id = 5")
    for output in ("json", "csv", "table"):
        assert typed("sql", "FROM activities", "--format", output).code == 0


LISTS = ("laps", "splits_metric", "splits_standard", "segment_efforts", "best_efforts")


ODD: list[dict[str, Any]] = [
    {},
    dict.fromkeys(LISTS),
    {name: [] for name in LISTS},
    {name: [None, 5, "x", {}] for name in LISTS},
    {name: {"0": {}} for name in LISTS},
    {"athlete": None, "map": None, "gear": None, "distance": "far", "moving_time": 10**30, "kudos_count": -5.5},
    {"distance": 1e308, "elapsed_time": 2**31, "average_speed": 10**400},
    {"gear_id": "../../x"},
    {"gear_id": ""},
    {"gear_id": 7},
]


@pytest.mark.dear
def test_summaries_and_details_of_next_to_nothing_are_rows_all_the_same(make_rig: Make, type_on: TypeOn) -> None:
    rig = make_rig(activities=3, years=(2026, 2026), settings={"first_year": 2025})
    odd = [{"id": number, **more} for number, more in enumerate(ODD, start=77)]
    rig.fault(LISTING, "body", body=[*odd, *rig.truth()])
    for one in odd:
        rig.fault(f"/activities/{one['id']}", "body", body=one, times=-1)
    typed = type_on(rig)
    said = typed("flow-backfill", "--verbose")
    assert said.code == 0, said.err
    ids = sorted([*(one["id"] for one in odd), *(one["id"] for one in rig.truth())])
    assert rig.gold("SELECT id FROM activities ORDER BY id") == [(one,) for one in ids]
    assert rig.gold("SELECT activity_id FROM activity_details ORDER BY 1") == [(one,) for one in ids]
    assert not [path for path in rig.folder.iterdir() if path.name == "x"]
    assert all(path.is_relative_to(rig.lake.gear) for path in rig.lake.data_dir.rglob("*x*/*.gz"))
    assert typed("status").code == 0
    rig.calls()
    rig.do("flow")
    assert rig.calls()["by_endpoint"] == {LISTING: 2}
    before = everything(rig)
    shutil.rmtree(rig.lake.working.parent)
    rig.do("compact")
    assert everything(rig) == before


@pytest.mark.dear
def test_an_object_nested_beyond_reason_is_no_answer_and_hides_no_other(make_rig: Make, type_on: TypeOn) -> None:
    rig = make_rig(activities=3, **QUICK)
    deep, nested = rig.truth()[0]["id"], "[" * 100_000 + "]" * 100_000
    rig.fault(f"/activities/{deep}", "body", body=f'{{"id": {deep}, "x": {nested}}}', times=-1)
    said = type_on(rig)("flow-backfill")
    assert said.code == 0, said.err
    assert str(deep) in said.out
    assert rig.one("SELECT count(*) FROM activity_details") == 2


def test_an_error_that_looks_like_markup_is_told_as_it_is(make_rig: Make, type_on: TypeOn, tmp_path: Any) -> None:
    rig = make_rig(settings={"secrets_dir": tmp_path / "[red]a[", "data_dir": tmp_path / "[/] [bold]"}, logged_in=False)
    typed = type_on(rig)
    for verb in ("flow", "status"):
        said = typed(verb)
        assert "Traceback" not in said.err
        assert "[red]a[" in said.err + said.out, verb
