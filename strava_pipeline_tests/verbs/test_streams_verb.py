"""The verb `streams` as a person types it: what is said, what is asked of Strava, the exit code, and SQL on what came."""

import json

import pytest

from strava_pipeline.ingest.strava.emulator.application import Limits
from strava_pipeline_tests.rig import Make, Rig
from strava_pipeline_tests.verbs.conftest import TypeOn

pytestmark = pytest.mark.dear

STREAMS = "/activities/{id}/streams"


@pytest.fixture
def listed(rig: Rig) -> Rig:
    return in_gold(rig)


def in_gold(rig: Rig) -> Rig:
    rig.begin_with("run_all")
    rig.do("compact")
    rig.calls()
    return rig


def test_it_says_what_it_fetched_and_made_and_goes_on_after_a_cap(listed: Rig, type_on: TypeOn) -> None:
    typed = type_on(listed)
    capped = typed("streams", "--max-calls", "10")
    assert capped.code == 3
    assert "Fetched 10 streams in 10 calls" in capped.out
    assert "18 missing" in capped.out
    assert "Made 10 tracks; 10 in these years" in capped.out
    assert "--max-calls" in capped.err
    assert "Fetching streams" in capped.err
    rest = typed("streams")
    assert (rest.code, rest.err.count("Stopped")) == (0, 0)
    assert "Fetched 18 streams in 18 calls" in rest.out
    assert listed.calls()["by_endpoint"] == {STREAMS: 28}
    again = typed("streams", "--json")
    assert (again.code, listed.calls()["total"]) == (0, 0)
    found = json.loads(again.out)
    assert (found["fetched"], found["missing"], found["calls"], found["inserted"]) == (0, 0, 0, None)


def test_years_are_a_run_each_newest_first_and_share_the_cap(listed: Rig, type_on: TypeOn) -> None:
    typed = type_on(listed)
    said = typed("streams", "--years", "2022", "2024", "--max-calls", "9")
    assert said.code == 3
    assert said.out.index("2024") < said.out.index("2022")
    assert listed.calls()["by_endpoint"] == {STREAMS: 9}
    assert len(list(listed.lake.tracks_of(2024).iterdir())) == 8
    assert len(list(listed.lake.tracks_of(2022).iterdir())) == 1
    assert not listed.lake.tracks_of(2023).exists()
    with listed.instance() as instance:
        assert [run.tags["dagster/partition"] for run in instance.get_runs() if run.job_name == "streams"] == [
            "2022",
            "2024",
        ]


def test_the_cushion_is_the_user_s_to_set(make_rig: Make, type_on: TypeOn) -> None:
    rig = in_gold(make_rig(limits=Limits(900, 2000, 900, 22)))
    assert type_on(rig)("streams", "--cushion-daily", "15").code == 3
    assert rig.calls()["total"] == 22 - 2 - 15
