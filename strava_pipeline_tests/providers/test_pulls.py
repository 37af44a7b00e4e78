"""`providers pull`: which listings it makes of which years, what it reports, and that a failing service stops no other."""

import json
import logging
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import typer

from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.years import month_window
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.http import Exchange, Wire
from strava_pipeline.ingest.providers_file import ProviderChoice
from strava_pipeline.lake.bronze.listings import listings
from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.lake.gold.warehouse import reading
from strava_pipeline.operations.gold_step import merge_gold
from strava_pipeline.operations.options import ListingOptions
from strava_pipeline.operations.progress import Eta, LogProgress
from strava_pipeline.operations.pulling import pull_listing
from strava_pipeline.operations.source import Source
from strava_pipeline.operations.step_reports import Scope
from strava_pipeline.verbs.provider_pulls import Pulled, exit_code, run_config, wanted, years_pulled
from strava_pipeline_tests.providers.subjects import ToySubject
from strava_pipeline_tests.providers.toy_service import Toy
from strava_pipeline_tests.providers.two_toys import rig_with, two_toys
from strava_pipeline_tests.providers.worlds import World
from strava_pipeline_tests.rig import Rig
from strava_pipeline_tests.verbs.conftest import Type

TypeOn = Callable[[Rig], Type]

SETTINGS = Settings(_env_file=None, first_year=2022)
NOTHING: dict[str, Any] = {"month": None, "years": [], "everything": False}


@pytest.mark.parametrize(
    ("asked", "mode", "month", "years"),
    [
        ({}, "incremental", None, []),
        ({"month": "2023-02"}, "month", "2023-02", [2023]),
        ({"month": "2019-12"}, "month", "2019-12", [2022]),  # what is older is in the first partition
        ({"years": ["2022-2024"]}, "year", None, [2022, 2023, 2024]),
        ({"years": ["2024", "2022"]}, "year", None, [2022, 2024]),
    ],
)
def test_the_options_say_which_listing_is_made_of_which_years(
    asked: dict[str, Any], mode: str, month: str | None, years: list[int]
) -> None:
    found = wanted(SETTINGS, **{**NOTHING, **asked}, per_page=50)
    assert (found.mode, found.month, list(found.years), found.config) == (mode, month, years, {"per_page": 50})


def test_everything_is_one_listing_over_all_years() -> None:
    found = wanted(SETTINGS, **{**NOTHING, "everything": True})
    assert (found.mode, found.years[0]) == ("all", 2022)


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        ({"month": "2023-13"}, "a month is written YYYY-MM"),
        ({"month": "2023-1"}, "a month is written YYYY-MM"),
        ({"month": "9999-01"}, "9999-01 has not begun"),
        ({"years": ["2021"]}, "2021: years go from 2022"),
        ({"years": ["last"]}, "'last' is no year"),
        ({"month": "2023-01", "everything": True}, "choose one of"),
        ({"years": ["2023"], "everything": True}, "choose one of"),
    ],
)
def test_options_that_say_nothing_clear_are_refused(asked: dict[str, Any], fault: str) -> None:
    with pytest.raises(typer.BadParameter, match=fault):
        wanted(SETTINGS, **{**NOTHING, **asked})


@pytest.mark.parametrize(
    ("codes", "code"), [([], 0), ([0, 0], 0), ([0, 3], 3), ([3, 1], 1), ([2, 3], 2), ([2, 1], 1), ([2, 2, 0], 2)]
)
def test_the_exit_code_is_that_of_the_failure_else_of_the_limit(codes: list[int], code: int) -> None:
    assert exit_code([Pulled(code=one) for one in codes]) == code


@pytest.mark.usefixtures("services")
@pytest.mark.parametrize(
    ("asked", "years", "config"),
    [
        ({}, [[2022, 2023]], {"mode": "incremental", "month": None}),
        ({"month": "2023-02"}, [[2023]], {"mode": "month", "month": "2023-02"}),
        ({"years": ["2022", "2023"]}, [[2022, 2023]], {"mode": "year", "month": None}),
        ({"everything": True}, [[2022, 2023]], {"mode": "all", "month": None}),
    ],
    ids=["what is new", "a month", "years", "everything"],
)
def test_what_is_listed_at_once_is_one_run(
    asked: dict[str, Any], years: list[list[int]], config: dict[str, Any], tmp_path: Path
) -> None:
    settings = Settings(_env_file=None, first_year=2022, data_dir=tmp_path / "data")
    wants = wanted(settings, **{**NOTHING, **asked})
    found = years_pulled(settings, {"toy": ProviderChoice(auto_files=False)}, wants)
    assert [[year for year in run if year < 2024] for run in found] == years
    assert run_config(["toy"], wants) == {"bronze_toy": config}
    assert run_config(["toy"], replace(wants, allow_shrink=True)) == {
        "bronze_toy": config,
        "activities": {"allow_shrink": True},
    }


@pytest.mark.usefixtures("services")
def test_a_service_that_shows_everything_is_listed_once_for_several_years(monkeypatch: pytest.MonkeyPatch) -> None:
    wants = wanted(SETTINGS, **{**NOTHING, "years": ["2022", "2024"]})
    assert years_pulled(SETTINGS, {"toy": ProviderChoice()}, wants) == [[2024], [2022]]
    always_all = replace(spec_of("toy"), capabilities=frozenset({"feed"}))
    monkeypatch.setattr("strava_pipeline.lake.bronze.listings.spec_of", lambda name: always_all)
    assert years_pulled(SETTINGS, {"toy": ProviderChoice()}, wants) == [[2022, 2023, 2024]]


DAY = 86_400


@pytest.mark.parametrize(
    ("month", "first", "last"),
    [
        ("2025-01", 1735689600, 1738368000),
        ("2025-12", 1764547200, 1767225600),
        ("2024-02", 1706745600, 1709251200),  # a leap year's
    ],
)
def test_the_window_of_a_month_is_a_day_wider_on_both_sides(month: str, first: int, last: int) -> None:
    assert month_window(month) == (first - DAY, last + DAY)


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ToySubject, Toy]]:
    """Two toys with a ride in each of four months."""
    days = ("2024-12-31", "2025-01-31", "2025-02-28", "2026-01-05")
    with two_toys(monkeypatch, of_toy=days, of_tin=days) as found:
        yield found


@pytest.fixture
def one(services: tuple[ToySubject, Toy]) -> ToySubject:
    return services[0]


@pytest.fixture
def world(one: ToySubject, tmp_path: Path) -> World:
    """The first of them alone."""
    folders = {"data_dir": tmp_path / "data", "secrets_dir": tmp_path / "secrets"}
    found = World(one, Settings(_env_file=None, **folders, first_year=2024))
    one.log_in(found.settings)
    return found


def windows(service: Toy) -> list[tuple[int | None, int | None]]:
    """After and before of each listing call."""
    found = []
    for _, _, path, _ in service.journal.log:
        if (call := urlsplit(path)).path == "/activities":
            query = parse_qs(call.query)
            found.append(tuple(int(query[name][0]) if name in query else None for name in ("after", "before")))
    return found


def test_a_month_is_listed_as_its_window_and_resumes_as_other_windows_do(world: World, one: ToySubject) -> None:
    run, options = world.run(), ListingOptions(mode="month", month="2025-01", per_page=1, days=None)
    one.fail(kind="status", status=429, headers={"Retry-After": "7200"}, after=1)
    assert pull_listing(run, Source("toy", world.settings, run), options, [2025]).stopped is not None
    run = world.run()
    report = pull_listing(run, Source("toy", world.settings, run), options, [2025])
    world.merge(run)
    assert report.listing_resumed
    assert windows(one.toy)[0] == month_window("2025-01")
    assert world.names() == ["toy 2024-12-31", "toy 2025-01-31"], "a day more on both sides"
    (listing,) = listings(run.lake, "toy")
    assert (listing.manifest.window.mode, listing.manifest.complete) == ("month", True)


@pytest.mark.slow
def test_a_year_that_shrinks_too_much_waits_and_the_advice_names_the_service(world: World, one: ToySubject) -> None:
    for number in range(8):
        one.toy.add(f"more {number}", f"2025-03-1{number}T07:00:00+01:00")
    world.pull("year", 2025, per_page=50)
    for number in range(8):
        del one.toy.items[f"more {number}"]
    one.clock.advance(60)
    world.pull("year", 2025, per_page=50)
    run = world.run()
    with reading(run.lake):
        scope = Scope([2025], {"activities"}, set(), run.run_id)
        first = merge_gold(run, scope, force=True, allow_shrink=False)[0]
    assert first.metadata["deletions_not_marked_by_year"] == {"2025": "8 of 10 (Toy)"}
    advice = "Look at Toy; if that is meant: strava-pipeline providers pull toy --years 2025 --allow-shrink"
    assert first.metadata["deletions_not_marked_advice"] == advice


class Begun(LogProgress):
    """What work began, and how many steps it was expected to take."""

    def __init__(self) -> None:
        super().__init__(logging.getLogger("run"))
        self.works: list[tuple[str, int | None]] = []

    def begin(self, what: str, total: int | None, eta: Eta | None = None) -> None:
        self.works.append((what, total))
        super().begin(what, total, eta)


@pytest.mark.dear
def test_a_listing_of_what_is_published_shows_how_much_is_expected(world: World, one: ToySubject) -> None:
    expected: list[int | None] = []
    for mode, years in (("year", [2025]), ("year", [2025]), ("all", []), ("all", []), ("incremental", [])):
        begun = Begun()
        one.clock.advance(7200)
        run = replace(world.run(), progress=begun)
        options = ListingOptions(mode=mode, per_page=50, days=None)
        pull_listing(run, Source("toy", world.settings, run), options, years)
        world.merge(run)
        publish(run.lake)
        (what, total), *_ = begun.works
        assert what == "Listing activities of Toy"
        expected.append(total)
    assert expected == [None, 2, None, 4, None], "of the year; then of all, once all were listed"


@pytest.fixture
def rig(make_rig: Any, services: tuple[ToySubject, Toy], tmp_path: Path) -> Any:
    return rig_with(make_rig, services[0], tmp_path, "toy", "tin")


NAMES = "SELECT name FROM activities_all WHERE source IN ('toy', 'tin') AND deleted_at IS NULL ORDER BY name"


def names(rig: Rig) -> list[str]:
    return [name for (name,) in rig.gold(NAMES)]


@pytest.mark.dear
def test_all_are_pulled_though_the_first_fails(rig: Rig, services: tuple[ToySubject, Toy], type_on: TypeOn) -> None:
    services[0].fail(kind="status", status=500, times=3)
    said = type_on(rig)("providers", "pull", "toy", "tin", "--json")
    assert said.code == 1
    found = json.loads(said.out)["providers"]
    assert found["toy"]["error"].startswith("GET /activities: Toy answered 500")
    assert (found["toy"]["run_ids"], found["toy"]["listed"]) == (found["tin"]["run_ids"], 0), "it is one run"
    assert found["tin"].items() >= {"error": None, "listed": 4, "inserted": 4, "files": 4}.items()
    assert found["tin"]["published"]
    assert names(rig) == [f"tin {day}" for day in ("2024-12-31", "2025-01-31", "2025-02-28", "2026-01-05")]
    assert said.err.count("\nToy: GET /activities: Toy answered 500") == 1


@pytest.mark.dear
def test_a_month_is_pulled_and_a_limit_is_3(rig: Rig, services: tuple[ToySubject, Toy], type_on: TypeOn) -> None:
    said = type_on(rig)("providers", "pull", "toy", "--month", "2025-02")
    assert (said.code, said.out.splitlines()[:2]) == (0, ["Toy", said.out.splitlines()[1]])
    assert "\nListed 2 rows of Toy in 3 calls" in said.out
    assert "\nFetched 2 files of Toy in 2 calls" in said.out
    assert names(rig) == ["toy 2025-01-31", "toy 2025-02-28"]
    assert windows(services[0].toy)[0] == month_window("2025-02")
    services[0].fail(kind="status", status=429, headers={"Retry-After": "7200"})
    said = type_on(rig)("providers", "pull", "toy", "--years", "2025", "2024", "--json")
    assert said.code == 3
    found = json.loads(said.out)["providers"]["toy"]
    assert len(found["run_ids"]) == 1, "the older year would be refused, too"
    assert "Toy lets no more calls through until" in found["stopped_early"]


@pytest.mark.dear
def test_a_month_of_all_services_is_pulled_though_one_fails_and_then_compared(
    rig: Rig, services: tuple[ToySubject, Toy], type_on: TypeOn, monkeypatch: pytest.MonkeyPatch
) -> None:
    services[0].fail(kind="status", status=500, times=3)
    said = type_on(rig)("sync-month", "2025-02", "--json")
    found = json.loads(said.out)
    assert (said.code, [*found["pulled"]]) == (1, ["strava", "tin", "toy"])
    assert found["pulled"]["toy"]["error"].startswith("GET /activities: Toy answered 500")
    here = [item for item in rig.truth() if item["start_date_local"].startswith("2025-02")]
    assert found["pulled"]["strava"]["listed"] >= len(here)
    assert found["activities"] == len(here) + 1
    states = {name: (one["status"], one["activities"]) for name, one in found["providers"].items()}
    assert states == {"strava": ("in_sync", len(here)), "toy": ("not_pulled", 0), "tin": ("in_sync", 1)}
    said = type_on(rig)("sync-month", "2025-02")
    assert said.code == 0
    assert "\nListed 2 rows of Toy in 3 calls" in said.out
    assert f"\nstatus: in_sync\nactivities: {len(here) + 1}\n" in said.out

    send = Wire.send

    def interrupted(wire: Wire, method: str, url: str, **options: Any) -> Exchange:
        os.kill(os.getpid(), signal.SIGINT)  # Ctrl-C, while Strava is asked
        return send(wire, method, url, **options)

    monkeypatch.setattr(Wire, "send", interrupted)
    said = type_on(rig)("sync-month", "2025-02")
    assert (said.code, said.out) == (130, "Strava\n"), "no other service is asked after it"


@pytest.mark.dear
def test_years_are_compared_with_another_service_and_a_shrunk_one_waits(
    rig: Rig, services: tuple[ToySubject, Toy], type_on: TypeOn
) -> None:
    typed = type_on(rig)
    for number in range(8):
        services[0].toy.add(f"more {number}", f"2025-03-1{number}T07:00:00+01:00")
    assert typed("reconcile", "--provider", "all").code == 0
    del services[0].toy.items["toy 2025-01-31"]
    services[0].clock.advance(60)
    said = typed("reconcile", "--provider", "toy", "--years", "2025", "--json")
    (told,) = json.loads(said.out)["providers"].values()
    assert (said.code, told["deleted"]) == (0, 1)
    for number in range(8):
        del services[0].toy.items[f"more {number}"]
    services[0].clock.advance(60)
    assert typed("reconcile", "--provider", "toy").code == 1
    assert typed("reconcile").code == 0, "what Strava said was believed"
    assert rig.one("SELECT count(*) FROM activities WHERE source = 'toy'") == 11
    assert typed("reconcile", "--provider", "toy", "--allow-shrink").code == 0
    assert rig.one("SELECT count(*) FROM activities WHERE source = 'toy'") == 3
    assert typed("reconcile", "--provider", "toy", "--max-calls", "5").code == 2
    assert typed("reconcile", "--provider", "strava").code == 2


@pytest.fixture
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of new folders, which stand in the environment."""
    folders = {name: tmp_path / name for name in ("data_dir", "secrets_dir", "logs_dir", "ledger_dir", "dagster_home")}
    settings = Settings.load(_env_file=None, **folders, providers_config=tmp_path / "providers.toml")
    for name, value in settings.environ().items():
        monkeypatch.setenv(name, value)
    return settings


@pytest.mark.parametrize(
    ("words", "code", "what"),
    [
        ((), 2, "No service is enabled"),
        (("toy",), 2, "Toy is not enabled. Put these lines into "),
        (("tyo",), 2, "There is no provider tyo. Known besides Strava: "),
        (("strava",), 2, "`strava-pipeline flow` pulls"),
        (("2025",), 2, "2025 is no service; years go with"),
        (("tin", "--month", "2025"), 2, "a month is written YYYY-MM"),
    ],
)
def test_what_cannot_be_pulled_is_refused_before_anything_is_asked(
    services: tuple[ToySubject, Toy], apart: Settings, type_in: Type, words: tuple[str, ...], code: int, what: str
) -> None:
    said = type_in("providers", "pull", *words)
    assert said.code == code
    assert what in " ".join(said.err.replace("│", " ").split())
    assert not [*services[0].journal.log, *services[1].journal.log]
    assert not apart.data_dir.exists()


def test_without_its_login_a_service_is_not_asked(
    services: tuple[ToySubject, Toy], apart: Settings, type_in: Type
) -> None:
    apart.providers_config.write_text("[providers.toy]\nenabled = true\n")
    said = type_in("providers", "pull", "--json")
    assert said.code == 2
    assert said.err == "There is no toy_login.json yet. Ask the toy for a key.\n"
    told = json.loads(said.out)["providers"]["toy"]
    assert (told["run_ids"], told["calls"], told["listed"], told["published"]) == ([], 0, 0, None)
    assert told["error"] == "There is no toy_login.json yet. Ask the toy for a key."
    assert not services[0].journal.log
