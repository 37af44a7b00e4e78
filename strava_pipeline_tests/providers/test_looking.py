"""What `status`, `doctor`, `plan` and `purge` know of each enabled provider, without a call."""

import json
import logging
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from strava_pipeline.cli import main
from strava_pipeline.core.errors import LimitReachedError, NeedsLoginError, TransientError
from strava_pipeline.core.facts import State
from strava_pipeline.core.providers import ReadPage, Withheld, spec_of
from strava_pipeline.core.sources import hashed_id
from strava_pipeline.core.years import YearRange
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.registry import login_traces
from strava_pipeline.lake.bronze.listing import begin_listing
from strava_pipeline.lake.bronze.listings import withheld_ids
from strava_pipeline.lake.bronze.manifests import Window
from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.lake.gold.quarantine import last_decisions
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.providers import land_no_file, last_outcomes, paused_until
from strava_pipeline.operations import source_facts as source_facts_module
from strava_pipeline.operations.facts import facts
from strava_pipeline.operations.progress import LogProgress
from strava_pipeline.operations.provider_access import outcome_kept, plan_providers
from strava_pipeline.operations.run_context import RunContext, run_context
from strava_pipeline.operations.source import Source
from strava_pipeline.operations.source_facts import source_facts
from strava_pipeline.testing.merging import merge_years
from strava_pipeline.verbs import doctor, purge
from strava_pipeline_tests.present import there
from strava_pipeline_tests.providers.subjects import ToySubject, register_toy
from strava_pipeline_tests.providers.toy import client as toy_client
from strava_pipeline_tests.providers.toy_service import new_toy

AT = datetime(2026, 2, 1, 6, tzinfo=UTC)
ALL = Window(mode="all", after=None, before=None)
LATER = datetime(2998, 2, 2, 6, tzinfo=UTC)
PAST = datetime(2001, 2, 2, 6, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    return with_toy(tmp_path, monkeypatch)


def with_toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings with which the toy is enabled and has its login."""
    register_toy(monkeypatch)
    (tmp_path / "providers.toml").write_text("[providers.toy]\nenabled = true")
    folders = {name: tmp_path / name for name in ("data_dir", "secrets_dir", "logs_dir", "ledger_dir", "dagster_home")}
    config = tmp_path / "providers.toml"
    settings = Settings.load(_env_file=None, **folders, providers_config=config, first_year=2022)
    ToySubject(new_toy()).log_in(settings)
    return settings


def run_of(settings: Settings) -> RunContext:
    return run_context(settings, LogProgress(logging.getLogger("run")))


def pull(settings: Settings, *, whole: bool = True) -> None:
    """Have a listing of the toy's in bronze, of one activity."""
    window = Window(mode="all", after=None, before=None)
    listing = begin_listing(Lake(settings.data_dir), window, athlete_id=None, at=AT, source="toy", account="me")
    row = {"id": 1, "start_date": AT.isoformat()}
    listing.land(ReadPage([row]), b'{"items": [], "more": false}', {}, AT, YearRange(2022, 2026))
    if whole:
        listing.mark_ended()


def lose_login(settings: Settings) -> None:
    for path in toy_client.login_files(settings):
        path.unlink()


def damage_login(settings: Settings) -> None:
    for path in toy_client.login_files(settings):
        path.write_text("{")


def fail(settings: Settings) -> None:
    with pytest.raises(TransientError), outcome_kept(run_of(settings), "toy", "listing"):
        raise TransientError("GET /activities: Toy answered 500")


def refuse_login(settings: Settings) -> None:
    with pytest.raises(NeedsLoginError), outcome_kept(run_of(settings), "toy", "listing"):
        raise NeedsLoginError("Toy does not accept the login. Log in again.")


def fail_files(settings: Settings) -> None:
    with outcome_kept(run_of(settings), "toy", "files") as ending:
        ending.problem = "Five files in a row failed."


def limit(settings: Settings, until: datetime = LATER) -> None:
    with outcome_kept(run_of(settings), "toy", "files") as ending:
        ending.stopped = LimitReachedError("Toy", until)


def limit_before(settings: Settings) -> None:
    limit(settings, PAST)


def pull_by_another_version(settings: Settings) -> None:
    (Lake(settings.data_dir).providers / "acme" / "activities").mkdir(parents=True)


def succeed(settings: Settings) -> None:
    with outcome_kept(run_of(settings), "toy", "listing"):
        pass


def misspell(settings: Settings) -> None:
    settings.providers_config.write_text("[providers.tyo]\nenabled = true")


def forbid_writing(settings: Settings) -> None:
    settings.providers_config.write_text('[providers.toy]\nenabled = true\nwrite = []\n[gear.Bike]\ntoy = "B1"')


def allow_writing(settings: Settings) -> None:
    settings.providers_config.write_text(
        "[providers.toy]\nenabled = true\nwrite = ['name', 'duration']\nstale_days = 3"
    )


def enable_none(settings: Settings) -> None:
    settings.providers_config.unlink()


def wait_for_toy(settings: Settings, seconds: float = 1e9) -> None:
    """Have a run wait for the toy, as its client says."""
    Source("toy", settings, run_of(settings)).waiting("Toy asks for a pause.", seconds)


def wait_no_more(settings: Settings) -> None:
    wait_for_toy(settings, -1.0)


def damage_pause(settings: Settings) -> None:
    (Lake(settings.data_dir).state / "providers" / "toy" / "pause").write_text("soon")


@pytest.mark.parametrize(
    ("before", "name", "state", "text"),
    [
        ([enable_none], "providers", State.OK, "none; `strava-pipeline start` adds one"),
        ([forbid_writing], "providers", State.OK, "enabled: toy"),
        (
            [allow_writing],
            "providers",
            State.WARNING,
            "keys of {} without effect: providers.toy.write: Toy can't be given another duration; providers",
        ),
        ([], "toy pull", State.SKIPPED, "nothing was pulled yet"),
        ([pull], "toy pull", State.OK, "2026-02-01 06:00 UTC, everything, 1 row"),
        (
            [lambda settings: pull(settings, whole=False)],
            "toy pull",
            State.OK,
            "it broke off, and the next pull goes on",
        ),
        ([pull], "toy compared", State.OK, "with all that it has: 2022–2026 on 2026-02-01"),
        ([pull, lose_login], "toy login", State.PROBLEM, "There is no toy_login.json yet"),
        ([pull, damage_login], "toy login", State.PROBLEM, "toy_login.json is damaged. Delete it and"),
        ([pull, fail], "toy listing", State.WARNING, "GET /activities: Toy answered 500"),
        ([pull, fail, succeed], "toy listing", State.OK, "succeeded 20"),
        ([pull, limit, fail], "toy limited", State.OK, "Toy lets no more calls through until 2998-02-02"),
        ([pull, fail_files, succeed], "toy files", State.WARNING, "Five files in a row failed."),
        ([pull, limit_before], "toy files", State.OK, "stopped by a limit 20"),
        ([wait_for_toy], "toy limited", State.OK, "a run waits for it"),
        ([wait_for_toy, wait_no_more], "toy limited", None, ""),
        ([wait_for_toy, damage_pause], "toy limited", None, ""),
        ([pull, limit, fail], "toy listing", None, ""),
        ([pull_by_another_version], "acme providers", State.PROBLEM, "This version knows no provider acme"),
    ],
)
def test_each_enabled_source_says_how_it_stands(
    settings: Settings, before: list[Callable[[Settings], None]], name: str, state: State | None, text: str
) -> None:
    for do in before:
        do(settings)
    found = {f"{fact.of} {fact.name}".strip(): fact for fact in reversed([*source_facts(settings, datetime.now(UTC))])}
    assert (found[name].state if name in found else None) == state
    assert state is None or text.format(settings.providers_config) in found[name].text


@pytest.mark.parametrize(("end", "goes_on"), [(fail, True), (refuse_login, False)])
def test_no_run_goes_on_by_itself_where_only_a_login_helps(
    settings: Settings, end: Callable[[Settings], None], goes_on: bool
) -> None:
    pull(settings)
    end(settings)
    (advice,) = [each.advice for each in source_facts(settings, AT) if (each.of, each.name) == ("toy", "listing")]
    assert ("The next run goes on there" in there(advice), "No run goes on before you log in" in there(advice)) == (
        goes_on,
        not goes_on,
    )


def test_a_file_of_providers_that_can_not_be_followed_is_a_fact(settings: Settings) -> None:
    misspell(settings)
    (found,) = facts(settings, AT, ["services"])
    assert (found.state, "no such provider" in found.text) == (State.PROBLEM, True)


def test_doctor_and_status_show_the_facts_of_sources(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "providers" in doctor.looks(settings, {}, AT)
    pull(settings)
    found = json.loads(typed(settings, monkeypatch, capsys, "status", "--json"))["facts"]
    (pulled,) = [fact for fact in found if (fact["of"], fact["name"]) == ("toy", "pull")]
    assert pulled["values"] == {
        "at": "2026-02-01T06:00:00Z",
        "mode": "all",
        "complete": True,
        "rows": 1,
        "as_of": None,
        "success_at": "2026-02-01T06:00:00Z",
    }


def test_a_pause_ends_by_the_run_s_clock(settings: Settings) -> None:
    run = run_of(settings)
    Source("toy", settings, run).waiting("Toy asks for a pause.", 90.0)
    assert abs(there(paused_until(run.lake, "toy")) - run.now() - timedelta(seconds=90)) < timedelta(seconds=60)


def test_what_is_published_unreadable_and_in_quarantine_is_counted(settings: Settings) -> None:
    run = run_of(settings)
    listing = begin_listing(run.lake, ALL, athlete_id=None, at=AT, source="toy", account="me")
    rides = [{"key": key, "begin": f"2026-01-0{day}T06:00:00Z"} for day, key in enumerate("abc", start=1)]
    page = {"items": [{"begin": "2026-01-01T06:00:00Z", "title": "without a key"}, *rides], "more": False}
    listing.land(spec_of("toy").read_page(page), json.dumps(page).encode(), {}, AT, run.years)
    listing.mark_ended()
    merge_years(run, run.years.all, matched=False)
    publish(run.lake)
    for day in range(3):
        land_no_file(run.lake, "toy", hashed_id("toy", "a"), b"", 500, AT + timedelta(days=day))
    found = {fact.name: fact for fact in source_facts(settings, AT) if fact.of == "toy"}
    assert found["published"].values == {"rows": 3}
    assert found["pull"].values["rows"] == 4
    assert (
        found["quarantine"].as_json()["values"].items() >= {"activities": 1, "dropped": 0, "unreadable_rows": 1}.items()
    )
    assert found["quarantine"].state == State.WARNING


def typed(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    for name, value in settings.environ().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["strava-pipeline", *words])
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    return capsys.readouterr().out


def withhold(settings: Settings, at: datetime, *withheld: Withheld, window: Window = ALL, account: str = "me") -> None:
    """Have a complete listing of the toy's in bronze, of activities that it withholds."""
    listing = begin_listing(Lake(settings.data_dir), window, athlete_id=None, at=at, source="toy", account=account)
    page = ReadPage([], foreign=len(withheld), withheld=[*withheld])
    listing.land(page, b'{"items": [], "more": false}', {}, at, YearRange(2022, 2026))
    listing.mark_ended()


def test_what_a_source_withholds_is_counted_with_what_to_do(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    advised = replace(spec_of("toy"), withheld="Ask the toy for them.")
    monkeypatch.setattr(source_facts_module, "spec_of", lambda _: advised)
    withhold(settings, AT, Withheld("7", datetime.fromisoformat("2026-01-05T07:00:00")), Withheld("8"))
    (found,) = [fact for fact in source_facts(settings, AT) if fact.name == "withheld"]
    assert (found.values, found.text) == ({"activities": 2}, "2 activities withheld by Toy. Ask the toy for them.")


def test_a_complete_listing_says_anew_what_is_withheld_in_its_time(settings: Settings) -> None:
    january = Window(mode="year", after=int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()), before=int(AT.timestamp()))
    lake, day = Lake(settings.data_dir), timedelta(days=1)
    in_it, at_its_edge, undated = (
        datetime.fromisoformat("2026-01-05T07:00:00"),
        datetime.fromisoformat("2026-01-01T07:00:00"),
        None,
    )
    withhold(
        settings, AT, Withheld("1", in_it), Withheld("2", in_it), Withheld("3", at_its_edge), Withheld("4", undated)
    )
    withhold(settings, AT + day, Withheld("2", in_it), Withheld("5", in_it), window=january)
    assert withheld_ids(lake, "toy") == {"2", "3", "4", "5"}
    withhold(settings, AT + 2 * day, Withheld("9", in_it), account="other")
    assert withheld_ids(lake, "toy") == {"9"}, "another account's are its own"


def test_plan_counts_the_calls_of_each_enabled_provider(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (found,) = plan_providers(run_of(settings), settings, [2023, 2025]).values()  # two runs: there is a gap
    assert (found.title, found.listing_calls, found.is_known) == ("Toy", 2, False)
    shown = json.loads(typed(settings, monkeypatch, capsys, "plan", "2025", "--json"))["providers"]
    assert shown == {
        "toy": {"title": "Toy", "listing_calls": 1, "files_calls": 0, "is_known": False, "quiet_day_calls": 2}
    }


def test_a_purge_takes_the_logins_of_providers_and_says_what_stays_there(settings: Settings) -> None:
    pull(settings)
    enable_none(settings)  # what was pulled before goes all the same
    (login,) = login_traces(settings)
    half, lock = login.with_name(f".{login.name}.a1b2c3"), login.with_name(f"{login.name}.lock")
    half.write_text("of a process that died")
    lock.touch()
    found = purge.plan_purge(settings, keep_access=True)
    assert login in [place.path for place in found.places]
    assert any("what Toy holds of the athlete" in why for _, why in found.stays)
    settings.dagster_home.mkdir()
    purge.carry_out(settings, found)
    assert not [path for path in (login, half, lock) if path.exists()]
    assert not Lake(settings.data_dir).providers.exists()


def test_a_damaged_outcome_is_an_unknown_one(settings: Settings) -> None:
    limit(settings)
    (path,) = (Lake(settings.data_dir).state / "providers" / "toy").iterdir()
    path.write_text('{"at": ')
    assert last_outcomes(Lake(settings.data_dir), "toy") == {}


@pytest.mark.slow
def test_the_quarantine_names_the_provider_and_a_retry_asks_strava_for_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pull(settings)
    key, lake = hashed_id("toy", "k1"), Lake(settings.data_dir)
    for day in range(3):
        land_no_file(lake, "toy", key, b"", 500, AT + timedelta(days=day))
    (row,) = json.loads(typed(settings, monkeypatch, capsys, "quarantine", "list", "--json"))["activities"]
    assert (row["activity_id"], row["source"], row["failures"]) == (key, "toy", 3)
    shown = typed(settings, monkeypatch, capsys, "quarantine", "retry", "--all")
    assert shown == f"{key}: the next run of the job toy asks for its file again.\n"
    assert not last_decisions(lake)[key].dropped
    typed(settings, monkeypatch, capsys, "quarantine", "drop", "--", str(key))
    assert last_decisions(lake)[key].dropped
