"""Two runs of any kind on one data folder at the same time, in processes of their own, with a login that has just expired
and limits too small for both: each call is made once, none over a limit, and both come to a good end."""

import re
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

from strava_pipeline.ingest.strava.emulator.application import Limits
from strava_pipeline.ingest.strava.emulator.archive import write_archive
from strava_pipeline.lake.imports.manifests import imports
from strava_pipeline_tests.e2e.mortals import Life, Mortals, Step, mortals
from strava_pipeline_tests.e2e.witness import assert_nothing_is_half, unended_runs
from strava_pipeline_tests.rig import Make, Rig

pytestmark = pytest.mark.slow
SOAK = pytest.mark.soak(part="kills")

LISTING, DETAIL = "/athlete/activities", "/activities/{id}"
SPEED = 90.0  # a quarter of an hour passes in ten seconds
READS = 14  # in a quarter; less than a backfill needs, so that somebody waits for the window
EVERYTHING = ("flow-backfill", "--wait")
YEARS = ("backfill", "--years", "2025", "2026")


def a_rig(make_rig: Make, speed: float = SPEED, reads: int = READS) -> Rig:
    settings = {"first_year": 2025, "per_page": 5, "clock_speed": speed}
    limits = Limits(200, 2000, reads, 1000)
    week = 7 * 86_400  # six hours are over in four minutes here, and a busy machine may need more
    asked = {"activities": 12, "years": (2025, 2026), "speed": speed, "limits": limits, "token_lifetime": week}
    return make_rig(**asked, settings=settings)


def both(living: Mortals, first: tuple[str, ...], second: tuple[str, ...]) -> list[Life]:
    """Two verbs started in the same moment, lived to their ends."""
    started = [living.start(*first), living.start(*second)]
    return [living.end(one) for one in started]


def assert_in_order(rig: Rig, lives: list[Life]) -> dict[str, Any]:
    """Nobody failed, complained or broke a limit, each detail and each login was asked for once; the calls."""
    for life in lives:
        assert life.code in (0, 3, -9), life.said
        for word in ("Traceback", "Error", "lock", "can't be opened"):
            assert word not in life.said, life.said
    calls = rig.calls()
    assert calls["refused"] == 0
    assert set(calls["details"].values()) <= {1}
    assert calls["token"] <= 1, "who comes second takes the login that the first one bought"
    assert unended_runs(rig) == []
    return calls


@pytest.mark.parametrize(
    ("before", "first", "second", "pages"),
    [
        pytest.param((), EVERYTHING, EVERYTHING, 8, marks=SOAK, id="everything-twice"),
        pytest.param((), YEARS, YEARS, 10, marks=SOAK, id="years-twice"),
        pytest.param(("run-all", "compact"), ("enrich-all",), ("enrich-all",), 0, marks=SOAK, id="details-twice"),
        pytest.param(("run-all",), ("compact",), EVERYTHING, 4, marks=SOAK, id="merge-and-everything"),
        pytest.param(("run-all", "compact"), ("profile",), EVERYTHING, 4, marks=SOAK, id="profile-and-everything"),
        pytest.param((), YEARS, EVERYTHING, 10, marks=SOAK, id="years-and-everything"),  # other windows: 6 and 4 pages
    ],
)
def test_two_at_once_make_each_call_once_and_come_out_true(
    make_rig: Make, tmp_path: Path, before: tuple[str, ...], first: tuple[str, ...], second: tuple[str, ...], pages: int
) -> None:
    rig = a_rig(make_rig)
    with mortals(rig.settings, tmp_path) as living:
        for verb in before:
            assert living.run(verb).code == 0
        rig.control("expire-tokens")
        rig.calls()
        lives = both(living, first, second)
        calls = assert_in_order(rig, lives)
        assert [life.code for life in lives] == [0, 0]
        assert calls["by_endpoint"].get(LISTING, 0) <= pages
        rig.assert_true_to_source()
        assert_nothing_is_half(rig, tmp_path)
        if first == second == EVERYTHING:
            assert sum("Waiting for flow_backfill, run " in life.said for life in lives) == 1, [x.said for x in lives]


@pytest.mark.dear
def test_two_imports_of_one_archive_take_it_in_once(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False, activities=12, years=(2025, 2026), settings={"first_year": 2025})
    archive = tmp_path / "export_1.zip"
    write_archive(rig.emulator.state.config, archive)
    with mortals(rig.settings, tmp_path) as living:
        lives = both(living, ("import", str(archive)), ("import", str(archive)))
        assert_in_order(rig, lives)
        assert [life.code for life in lives] == [0, 0]
        assert_nothing_is_half(rig, tmp_path)
        assert {row[0] for row in rig.gold("SELECT id FROM activities_all")} == {one["id"] for one in rig.truth()}
        assert len(list(imports(rig.lake))) == 1
        assert rig.gold("SELECT DISTINCT version FROM activity_history") == [(1,)]
        assert_every_file_is_a_track(rig)
        assert living.run("import", str(archive), in_memory=True).code == 0
        assert len(list(imports(rig.lake))) == 1


@SOAK
def test_an_import_beside_a_backfill_is_in_nobodys_way(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(activities=12, years=(2025, 2026), settings={"first_year": 2025, "per_page": 5})
    archive = tmp_path / "export_1.zip"
    write_archive(rig.emulator.state.config, archive)
    with mortals(rig.settings, tmp_path) as living:
        rig.control("expire-tokens")
        rig.calls()
        lives = both(living, ("import", str(archive)), EVERYTHING)
        calls = assert_in_order(rig, lives)
        assert [life.code for life in lives] == [0, 0]
        assert calls["by_endpoint"][DETAIL] == 12
        rig.assert_true_to_source()
        assert_nothing_is_half(rig, tmp_path)
        assert rig.gold("SELECT DISTINCT source FROM activities_all") == [("strava",)]
        assert rig.gold("SELECT DISTINCT source FROM activity_details") == [("strava",)]
        assert rig.gold("SELECT DISTINCT source, version FROM activity_history") == [("strava", 1)]
        assert_every_file_is_a_track(rig)


def assert_every_file_is_a_track(rig: Rig) -> None:
    """Of each activity with a recording that tells points, once."""
    points = "SELECT activity_id, sum(points) FROM activity_sessions GROUP BY 1 HAVING sum(points) > 0 ORDER BY 1"
    found = f"SELECT activity_id, count(*) FROM '{rig.lake.tracks}/*/*.parquet' GROUP BY 1 ORDER BY 1"
    files = rig.one("SELECT count(*) FROM files WHERE role = 'activity' AND kind = 'activity'")
    tracks = duckdb.sql(found).fetchall()
    assert len(tracks) == files > 0
    assert set(rig.gold(points)) <= set(tracks)


@pytest.mark.dear
def test_two_daily_runs_started_in_the_same_moment_list_once(make_rig: Make, tmp_path: Path) -> None:
    rig = a_rig(make_rig)
    with mortals(rig.settings, tmp_path) as living:
        assert living.run(*EVERYTHING).code == 0
        rig.control("expire-tokens")
        rig.calls()
        lives = both(living, ("flow",), ("flow",))
        calls = assert_in_order(rig, lives)
        assert [life.code for life in lives] == [0, 0]
        assert sum("Already at work: flow" in life.said for life in lives) == 1, [life.said for life in lives]
        assert calls["by_endpoint"].get(LISTING, 0) <= 3


@SOAK
def test_killed_beside_another_run_it_takes_nothing_down_with_it(make_rig: Make, tmp_path: Path) -> None:
    rig = a_rig(make_rig)
    with mortals(rig.settings, tmp_path) as living:
        rig.control("expire-tokens")
        rig.calls()
        started = [living.start(*YEARS, dying=Step(150, "somewhere", None)), living.start(*EVERYTHING)]
        lives = [living.end(one) for one in started]
        assert [life.code for life in lives] == [-9, 0], [life.said for life in lives]
        assert_nothing_is_half(rig, tmp_path)
        again = living.run(*YEARS)
        assert again.code == 0, again.said
        assert_in_order(rig, [*lives, again])
        rig.assert_true_to_source()


@SOAK
def test_killed_while_it_waits_for_a_limit_it_goes_on_with_the_next_call(make_rig: Make, tmp_path: Path) -> None:
    rig = a_rig(make_rig, speed=30.0, reads=8)  # a busy machine, too, makes eight calls in half a minute, and waits
    with mortals(rig.settings, tmp_path) as living:
        rig.calls()
        started = living.start(*EVERYTHING)
        said, deadline = started[1].with_suffix(".txt"), time.monotonic() + 600
        while not said.exists() or not re.search(r"Waiting \d", said.read_text()):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        living.kill(started)
        landed = len(list(rig.lake.details.rglob("*.json.gz")))
        again = living.run(*EVERYTHING)
        calls = assert_in_order(rig, [living.end(started), again])
        assert 0 < landed < 12
        assert calls["by_endpoint"][DETAIL] == 12
        assert again.code == 0
        rig.assert_true_to_source()
