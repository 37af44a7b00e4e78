"""`trips activity replay, sweep, algorithms`: counts, exit codes, programs of one's own, and what is refused."""

import json
import shlex
import sys
from pathlib import Path

import pytest

from strava_pipeline_tests.trips.activity.sources import NEW, OLD, feedback, points, sealed, trip, write_sqlite
from strava_pipeline_tests.verbs.conftest import Type

LOOK = ("trips", "activity")
RIDE, NO_RIDE = "approved", "rejected"


def ride(number: int, status: str, review: str, count: int = 60) -> dict[str, object]:
    """A believable ride of so many points; of 5 it is rejected."""
    columns = {"distance_meters": 11.15 * (count - 1), "duration_seconds": 2 * count - 2, "location_count": count}
    return trip(number, locations=sealed(points(count, number)), status=status, review_status=review, **columns)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five trips: one comes out better, one worse, two the same, one, that nobody said anything of, otherwise."""
    monkeypatch.chdir(tmp_path)
    rows = [
        ride(1, "rejected", RIDE),
        ride(2, "accepted", RIDE, 5),
        ride(3, "accepted", RIDE),
        ride(4, "done", "pending") | {"user_feedback": sealed([feedback("not_bike")], OLD)},
        ride(5, "done", "pending"),
    ]
    monkeypatch.setenv("TRIPS_SOURCE", f"sqlite:///{write_sqlite(tmp_path / 'trips.sqlite', rows)}")
    monkeypatch.setenv("TRIPS_FERNET_KEYS", f"{NEW},{OLD}")
    monkeypatch.delenv("TRIPS_KEYS_FILE", raising=False)
    return tmp_path


@pytest.fixture
def typed(world: Path, type_in: Type) -> Type:
    """`typed("replay")`."""
    return lambda *words: type_in(*LOOK, *words)


def outcomes(out: str) -> dict[str, str]:
    return {told["externalId"][-1]: told["outcome"] for told in json.loads(out)["trips"]}


def test_a_replay_tells_what_became_better_and_worse(typed: Type) -> None:
    said = typed("replay", "--format", "json")
    assert said.code == 0
    assert outcomes(said.out) == {"5": "changed", "4": "worse", "3": "same", "2": "worse", "1": "better"}
    totals = json.loads(said.out)["totals"]
    assert {name: totals[name] for name in ("trips", "labelled", "better", "same", "worse", "changed", "TP", "FN", "FP")} == {
        "trips": 5, "labelled": 4, "better": 1, "same": 1, "worse": 2, "changed": 1, "TP": 2, "FN": 1, "FP": 1,
    }  # fmt: skip
    assert typed("replay", "--format", "json").out == said.out


def test_what_a_stored_status_means_can_be_told(typed: Type) -> None:
    found = outcomes(typed("replay", "--format", "json", "--status-means", "done=accepted").out)
    assert (found["4"], found["5"]) == ("same", "same")


@pytest.mark.parametrize("verb", [("replay",), ("sweep", "--grid", "min_points=3,10")], ids=" ".join)
def test_a_file_is_replayed_as_its_source_is(typed: Type, verb: tuple[str, ...]) -> None:
    assert typed("export", "--out", "all.json").code == 0
    for options in ((), ("--format", "json")):
        assert typed(*verb, "all.json", *options).out == typed(*verb, *options).out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("replay",), 4),
        (("replay", "--external-id", "trip-00001"), 0),
        (("replay", "--external-id", "trip-00005"), 0),  # changed is not worse
        (("sweep",), 4),
        (("sweep", "--external-id", "trip-00001"), 0),
        (("sweep", "--external-id", "trip-00003", "--grid", "min_points=10,11"), 0),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_comparison_that_fails_on_worse_ends_with_4_and_tells(typed: Type, words: tuple[str, ...], code: int) -> None:
    failing = typed(*words, "--fail-on-worse")
    assert failing.code == code
    assert typed(*words).code == 0
    assert failing.out == typed(*words).out != ""


def test_a_sweep_names_who_changes_sides_by_each_set(typed: Type) -> None:
    grids = ("--grid", "min_points=3,10", "--set", "strict=min_points=99", "--grid", "max_clip_s=120")
    found = json.loads(typed("sweep", *grids, "--format", "json").out)
    assert set(found["ranking"]) == {"baseline", "min_points=3", "min_points=10", "max_clip_s=120", "strict"}
    assert [told["externalId"] for told in found["moved"]["strict"]] == [f"trip-0000{n}" for n in (5, 4, 3, 1)]
    assert "trip-00003" in typed("sweep", *grids).out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("replay", "--algorithm", "1999.1"), "1999.1 is no version of an algorithm. There are: cycling-2026.1"),
        (("sweep", "--set", "max_avg_speed_kmh=30"), "is no set: write name=key=value"),
        (("sweep", "--grid", "no_such_key=1"), "no_such_key is no threshold"),
        (("replay", "all.json"), "all.json can't be read"),
        (("replay", "trips.json", "--limit", "1"), "Filters choose from a source"),
        (("replay", "trips.json", "--source", "sqlite:///trips.sqlite"), "not both"),
        (("replay", "--source", "sqlite:///none"), "there is no file"),
        (("replay", "--processes", "0"), "--processes"),
        (("replay", "--timeout", "0"), "--timeout"),
        (("replay", "--exec", "x", "--timeout", "nan"), "--timeout"),
        (("replay", "--exec", ""), "it names no program"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_misuse_ends_with_2_and_says_what_to_do(typed: Type, words: tuple[str, ...], said: str) -> None:
    Path("trips.json").write_text("[]")
    found = typed(*words)
    assert (found.code, found.out) == (2, "")
    assert said in found.err
    assert "Traceback" not in found.err


def program(source: str) -> str:
    return shlex.join([sys.executable, "-I", "-S", "-c", f"import sys, json\nfor line in sys.stdin:\n    {source}"])


def test_a_program_of_ones_own_decides_instead(typed: Type) -> None:
    accepts = program(
        "print(json.dumps({'externalId': json.loads(line)['externalId'], 'verdict': 'accepted', 'reasons': ['mine']}), flush=True)"
    )
    said = typed("replay", "--exec", accepts, "--format", "json", "--timeout", "20", "--processes", "3")
    assert said.code == 0, said.err
    assert outcomes(said.out) == {"5": "changed", "4": "worse", "3": "same", "2": "same", "1": "better"}
    assert json.loads(said.out)["trips"][0]["reasons"] == ["mine"]
    assert typed("replay", "--exec", accepts, "--fail-on-worse").code == 4


@pytest.mark.parametrize("source", ["print(line, flush=True)", "sys.exit(7)"])
def test_a_program_that_decides_nothing_fails_with_1_and_tells_no_content(typed: Type, source: str) -> None:
    said = typed("replay", "--exec", program(source))
    assert (said.code, said.out) == (1, "")
    assert "asked of trip trip-00005" in said.err
    assert "latitude" not in said.err


def test_the_algorithms_are_listed(typed: Type) -> None:
    assert typed("algorithms").out == "2026.1  cycling-2026.1: The metrics against the limits, rule by rule.\n"
