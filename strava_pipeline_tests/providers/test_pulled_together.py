"""`providers pull` of several services: one run lists at each of them, merges once, and then fetches files."""

import json
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.ingest.http import Exchange, Wire
from strava_pipeline.orchestrate.job_years import years_without_choice
from strava_pipeline.orchestrate.jobs import PULL_JOB, jobs_of
from strava_pipeline_tests.providers.subjects import ToySubject, intervals_icu, ridewithgps
from strava_pipeline_tests.providers.toy_service import Toy
from strava_pipeline_tests.providers.two_toys import rig_with, two_toys
from strava_pipeline_tests.rig import Rig
from strava_pipeline_tests.verbs.conftest import Type

pytestmark = pytest.mark.slow

Three = tuple[ToySubject, Toy, Any]
TypeOn = Callable[[Rig], Type]
NAMES = ("toy", "tin", "intervals_icu")


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[Three]:
    """Two toys with a ride in each of two years, with files, and intervals.icu with one."""
    of_toy, of_tin = ("2024-06-01", "2025-06-02"), ("2024-06-01", "2025-08-01")
    with two_toys(monkeypatch, of_toy, of_tin) as toys, intervals_icu(monkeypatch) as third:
        third.add("2025-09-01", "of intervals")
        yield *toys, third


@pytest.fixture
def calls(services: Three) -> deque[tuple[str, str, str, int]]:
    """The calls at all services, in one journal."""
    one, other, third = services
    log: deque[tuple[str, str, str, int]] = deque()
    one.journal.log = other.journal.log = third.journal.log = log
    return log


@pytest.fixture
def rig(make_rig: Any, services: Three, tmp_path: Path) -> Any:
    return rig_with(make_rig, services[0], tmp_path, *NAMES, first_year=2024, **services[2].settings)


def names(rig: Rig) -> list[str]:
    found = rig.gold("SELECT name FROM activities_all WHERE source <> 'strava' AND deleted_at IS NULL ORDER BY name")
    return [name for (name,) in found]


def is_listing(path: str) -> bool:
    return path.partition("?")[0].rpartition("/")[2] == "activities"


def is_file(path: str) -> bool:
    return path.partition("?")[0].endswith("/file")


OF_TOYS = ["tin 2024-06-01", "tin 2025-08-01", "toy 2024-06-01", "toy 2025-06-02"]


@pytest.mark.dear
def test_one_run_lists_everywhere_before_the_first_file_and_names_the_service_whose_login_is_refused(
    rig: Rig, services: Three, calls: deque[tuple[str, str, str, int]], type_on: TypeOn
) -> None:
    services[2].fail(path="/", exact=False, kind="status", status=401, times=99)
    said = type_on(rig)("providers", "pull", "--json")
    assert said.code == 1
    told = [line for line in said.err.splitlines() if line.startswith("intervals.icu: ")]
    assert [line for line in said.err.splitlines() if "does not accept the login" in line] == told[:1]
    found = json.loads(said.out)["providers"]
    (run_id,) = {run_id for one in found.values() for run_id in one["run_ids"]}
    assert run_id
    assert "does not accept the login" in found["intervals_icu"]["error"]
    for name in ("toy", "tin"):
        assert found[name].items() >= {"error": None, "listed": 2, "inserted": 4, "published": True}.items()
        assert found[name]["calls"] > 0
    assert found["toy"]["files"] + found["tin"]["files"] == 3, "the file of a ride that both have is asked for once"
    assert names(rig) == OF_TOYS
    paths = [path for _, _, path, _ in calls]
    last_listing = max(number for number, path in enumerate(paths) if is_listing(path))
    first_file = min(number for number, path in enumerate(paths) if is_file(path))
    assert sum(map(is_listing, paths)) >= 2
    assert last_listing < first_file

    services[2].faults.clear()
    said = type_on(rig)("providers", "pull")
    assert (said.code, said.out.splitlines()[0]) == (0, "intervals.icu, Tin toy, Toy")
    assert "\nFetched 1 file of intervals.icu in " in said.out
    assert names(rig) == ["of intervals", *OF_TOYS]


@pytest.mark.dear
def test_a_limit_stops_one_service_and_later_runs_leave_it_out(rig: Rig, services: Three, type_on: TypeOn) -> None:
    for day in ("2019-01-01", "2020-01-01"):
        services[0].toy.add(f"toy {day}", f"{day}T07:00:00+01:00")
    services[1].add("tin 2019-01-01", "2019-01-01T07:00:00+01:00")
    old = rig.settings.model_copy(update={"first_year": 2019})
    services[0].fail(kind="status", status=429, headers={"Retry-After": "7200"})
    said = type_on(replace(rig, settings=old))("providers", "pull", "toy", "tin", "--years", "2019-2025", "--json")
    assert said.code == 3
    found = json.loads(said.out)["providers"]
    assert (len(found["toy"]["run_ids"]), len(found["tin"]["run_ids"])) == (1, 2)
    assert found["toy"]["run_ids"] == found["tin"]["run_ids"][:1]
    assert "Toy lets no more calls through until" in found["toy"]["stopped_early"]
    assert (found["toy"]["error"], found["tin"]["error"], found["tin"]["stopped_early"]) == (None, None, None)
    assert (found["toy"]["listed"], found["tin"]["listed"]) == (0, 3)
    assert names(rig) == ["tin 2019-01-01", "tin 2024-06-01", "tin 2025-08-01"]
    assert [path for _, _, path, _ in services[2].journal.log] == [], "it was not asked for"


@pytest.mark.dear
def test_what_always_shows_everything_is_listed_in_the_first_run_and_merged_in_all(
    rig: Rig, services: Three, type_on: TypeOn, monkeypatch: pytest.MonkeyPatch
) -> None:
    services[1].add("tin 2019-01-02", "2019-01-02T07:00:00+01:00")
    with ridewithgps(monkeypatch) as whole:
        for day in ("2019-03-01", "2025-03-01"):
            whole.add(day, f"trip {day}")
        own = {**whole.settings, "pauses": 0, "first_year": 2019}
        rig.settings.providers_config.write_text(
            "[providers.tin]\nenabled = true\n[providers.ridewithgps]\nenabled = true\n"
        )
        typed = type_on(replace(rig, settings=rig.settings.model_copy(update=own)))
        said = typed("providers", "pull", "--years", "2019-2025", "--json")
    assert said.code == 0, said.err
    found = json.loads(said.out)["providers"]
    assert {name: (len(one["run_ids"]), one["listed"]) for name, one in found.items()} == {
        "tin": (2, 3),
        "ridewithgps": (2, 2),
    }
    assert said.err.count("Listing activities of Ride with GPS: done") == 1
    assert names(rig) == ["tin 2019-01-02", *OF_TOYS[:2], "trip 2019-03-01", "trip 2025-03-01"]


@pytest.mark.parametrize("is_begun", [True, False], ids=["in the merge", "before the first step"])
def test_what_goes_wrong_for_all_services_is_told_once(rig: Rig, type_on: TypeOn, is_begun: bool) -> None:
    place = rig.lake.working
    if is_begun:
        place.parent.parent.mkdir(parents=True)
        place.parent.write_text("no folder")
    else:
        place.mkdir(parents=True)
    said = type_on(rig)("providers", "pull", "--json")
    assert (said.code, said.out) == (1, "")
    assert said.err.count("File exists" if is_begun else "Is a directory") == 1


def test_ctrl_c_ends_the_run_and_the_command(rig: Rig, type_on: TypeOn, monkeypatch: pytest.MonkeyPatch) -> None:
    send = Wire.send

    def interrupted(wire: Wire, method: str, url: str, **options: Any) -> Exchange:
        os.kill(os.getpid(), signal.SIGINT)
        return send(wire, method, url, **options)

    monkeypatch.setattr(Wire, "send", interrupted)
    said = type_on(rig)("providers", "pull")
    assert (said.code, said.out) == (130, "intervals.icu, Tin toy, Toy\n")


def test_in_dagster_the_job_takes_the_years_that_any_of_the_services_would(rig: Rig) -> None:
    record = jobs_of(rig.settings)[PULL_JOB]
    assert {"bronze_toy", "bronze_tin_files", "bronze_intervals_icu", "published_warehouse"} < {*record.assets}
    years = years_without_choice(rig.settings, PULL_JOB)
    assert (years[0], years) == (2024, [*range(2024, years[-1] + 1)])
