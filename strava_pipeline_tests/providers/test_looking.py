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
from strava_pipeline.core.errors import LimitReachedError, State, TransientError
from strava_pipeline.core.providers import ReadPage, Withheld, spec_of
from strava_pipeline.core.sources import hashed_id
from strava_pipeline.core.years import YearRange
from strava_pipeline.ingest.registry import login_traces
from strava_pipeline.lake.bronze.listing import begin_listing
from strava_pipeline.lake.bronze.listings import withheld_ids
from strava_pipeline.lake.bronze.manifests import Window
from strava_pipeline.lake.gold.quarantine import last_decisions
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.providers import land_no_file, last_outcomes
from strava_pipeline.operations import provider_access
from strava_pipeline.operations.progress import LogProgress
from strava_pipeline.operations.provider_access import outcome_kept, plan_providers, provider_states, providers_health
from strava_pipeline.operations.run_context import RunContext, run_context
from strava_pipeline.settings import Settings
from strava_pipeline.verbs import doctor, purge
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


@pytest.mark.parametrize(
    ("before", "name", "state", "what"),
    [
        ([enable_none], "providers", State.OK, "none besides Strava: there is no "),
        ([misspell], "providers", State.PROBLEM, "no such provider"),
        ([forbid_writing], "providers", State.OK, "enabled: Toy"),
        (
            [allow_writing],
            "providers",
            State.WARNING,
            "keys of {} without effect: providers.toy.write: Toy can't be given another duration; providers",
        ),
        ([], "provider: toy", State.OK, "nothing was pulled yet"),
        ([pull], "provider: toy", State.OK, "last pulled 2026-02-01 06:00 UTC"),
        ([pull, lose_login], "provider: toy", State.PROBLEM, "There is no toy_login.json yet"),
        ([pull, damage_login], "provider: toy", State.PROBLEM, "toy_login.json is damaged. Delete it and"),
        ([pull, fail], "provider: toy", State.WARNING, "failed: GET /activities: Toy answered 500"),
        ([pull, fail, succeed], "provider: toy", State.OK, "last pulled"),
        ([pull, limit, fail], "provider: toy", State.OK, "limited by Toy"),
        ([pull, fail_files, succeed], "provider: toy", State.WARNING, "(files, "),
        ([pull, limit], "provider: toy", State.OK, "limited by Toy until 2998-02-02 06:00 UTC"),
        ([pull, limit_before], "provider: toy", State.OK, "last pulled"),
        ([pull, limit_before, fail], "provider: toy", State.WARNING, "failed: GET /activities: Toy answered 500"),
        ([pull_by_another_version], "provider: acme", State.PROBLEM, "This version knows no provider acme"),
    ],
    ids=[
        "none",
        "misspelt",
        "nothing may be changed",
        "something may be changed",
        "new",
        "pulled",
        "no login",
        "damaged login",
        "failed",
        "failed before",
        "limited and failed",
        "files failed",
        "limited",
        "limited before",
        "limited before and failed",
        "unknown",
    ],
)
def test_doctor_says_of_each_enabled_provider_how_it_stands(
    settings: Settings, before: list[Callable[[Settings], None]], name: str, state: State, what: str
) -> None:
    for do in before:
        do(settings)
    found = {finding.name: finding for finding in providers_health(settings, AT)}
    assert found[name].state == state
    assert what.format(settings.providers_config) in found[name].what


def test_doctor_asks_for_providers(settings: Settings) -> None:
    assert "providers" in doctor.looks(settings, {}, AT)


def typed(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    for name, value in settings.environ().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["strava-pipeline", *words])
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    return capsys.readouterr().out


def test_status_shows_each_enabled_provider(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert provider_states(settings)["toy"].last_pull is None
    pull(settings, whole=False)
    limit(settings)
    shown = json.loads(typed(settings, monkeypatch, capsys, "status", "--json"))["providers"]
    step = shown["toy"].pop("steps")["files"]
    assert shown == {
        "toy": {
            "title": "Toy",
            "login_problem": None,
            "login": None,
            "last_pull": {
                "at": "2026-02-01T06:00:00Z",
                "mode": "all",
                "complete": False,
                "activities": 1,
                "unreadable": 0,
                "as_of": None,
            },
            "compared_at": {},
            "withheld": 0,
            "withheld_advice": "",
            "webhooks": None,
        }
    }
    assert (step["succeeded"], step["limited_until"]) == (False, "2998-02-02T06:00:00Z")
    text = typed(settings, monkeypatch, capsys, "status")
    assert "Toy: last pull 2026-02-01 06:00 UTC, all, 1 activity, it broke off" in text
    assert "files: limited by Toy until 2998-02-02 06:00 UTC" in text
    limit_before(settings)
    pull(settings)
    text = typed(settings, monkeypatch, capsys, "status")
    assert "  Compared with all that it has: 2022–2026 on 2026-02-01" in text
    assert "files: a limit of Toy stopped it until 2001-02-02 06:00 UTC; the next run goes on" in text


def withhold(settings: Settings, at: datetime, *withheld: Withheld, window: Window = ALL, account: str = "me") -> None:
    """Have a complete listing of the toy's in bronze, of activities that it withholds."""
    listing = begin_listing(Lake(settings.data_dir), window, athlete_id=None, at=at, source="toy", account=account)
    page = ReadPage([], foreign=len(withheld), withheld=[*withheld])
    listing.land(page, b'{"items": [], "more": false}', {}, at, YearRange(2022, 2026))
    listing.mark_ended()


def test_status_says_how_many_activities_a_provider_withholds_and_what_to_do(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    advised = replace(spec_of("toy"), withheld="Ask the toy for them.")
    monkeypatch.setattr(provider_access, "spec_of", lambda _: advised)
    withhold(settings, AT, Withheld("7", datetime.fromisoformat("2026-01-05T07:00:00")), Withheld("8"))
    shown = json.loads(typed(settings, monkeypatch, capsys, "status", "--json"))["providers"]["toy"]
    assert (shown["withheld"], shown["withheld_advice"]) == (2, "Ask the toy for them.")
    text = typed(settings, monkeypatch, capsys, "status")
    assert "  2 activities withheld by Toy. Ask the toy for them." in text.replace("\n", " ")


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
    assert shown == {"toy": {"title": "Toy", "listing_calls": 1, "is_known": False, "quiet_day_calls": 2}}


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
