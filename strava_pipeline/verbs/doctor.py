"""The command `doctor`: faults of this machine, and how to fix them. Changes nothing.

The one exception is `--make-ca-bundle`, which writes a file of certificates. The checks themselves stand in the other
rooms.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.facts import Fact, State, ok, problem, skipped
from strava_pipeline.core.systems import parts, unused
from strava_pipeline.verbs.options import Json
from strava_pipeline.verbs.output import echo
from strava_pipeline.verbs.status import print_facts

if TYPE_CHECKING:
    from strava_pipeline.environment.settings import Settings

SETTINGS, APPLICATION = "settings", "application"
Look = Callable[[], Fact | Iterable[Fact]]


def doctor(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Corporate certificates (PEM), for --make-ca-bundle.", show_default=False),
    ] = None,
    make_ca_bundle: Annotated[
        bool, typer.Option("--make-ca-bundle", help="Join the public certificates and FILES into one bundle.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check everything that can be wrong on this machine, and show how to fix it. No API call; nothing is changed."""
    from strava_pipeline.environment.settings import Settings

    if make_ca_bundle != bool(files):
        raise typer.BadParameter("--make-ca-bundle and files of certificates go together: --make-ca-bundle FILE…")
    if make_ca_bundle and as_json:
        raise typer.BadParameter("--make-ca-bundle makes no report, so it has no --json")
    settings, faults = Settings.examine()
    if files:
        _make_bundle(settings, files)
        return
    found = examine(settings, faults, datetime.now(UTC))
    print_facts(found, as_json=as_json)
    if not as_json:
        wrong = Counter(fact.state for fact in found if fact.needs_a_person)
        echo(
            f"\nProblems: {wrong[State.PROBLEM]}, warnings: {wrong[State.WARNING]}." if wrong else "\nNothing is wrong."
        )
    if any(fact.state is State.PROBLEM for fact in found):
        raise typer.Exit(1)


def examine(settings: "Settings", faults: dict[str, str], now: datetime) -> list[Fact]:
    """The facts of every check. A check that fails itself is a problem of its own, and the others continue."""
    from strava_pipeline.operations.facts import looked_at

    return [fact for name, look in looks(settings, faults, now).items() for fact in looked_at(name, look)]


def looks(settings: "Settings", faults: dict[str, str], now: datetime) -> dict[str, Look]:
    """Every check by its name, not yet run; a check may have several findings."""
    from strava_pipeline.ingest import certificates
    from strava_pipeline.lake import copied, health, purge, user_files
    from strava_pipeline.lake.gold import rules_file
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.lookups.fitness import estimated_thresholds
    from strava_pipeline.operations import source_facts
    from strava_pipeline.orchestrate.home import CONFIG
    from strava_pipeline.verbs import dagster_health as dagster
    from strava_pipeline.verbs.dashboard_health import DASHBOARD, dashboard_health

    lake, home, left_out = Lake(settings.data_dir), settings.dagster_home, unused(settings)
    answers = cache(partial(health.answers_on_disk, lake, now))
    return {
        SETTINGS: lambda: _settings(settings, faults, now),
        certificates.BUNDLE: lambda: certificates.bundle_health(settings.ca_bundle, now),
        **_of_strava(settings, faults, now),
        **_folders(settings),
        CONFIG: lambda: dagster.config_health(home),
        dagster.INSTANCE: lambda: dagster.instance_health(home, lake, now),
        health.LISTINGS: lambda: health.listings_health(lake),
        health.DETAILS: lambda: health.details_health(lake, answers),
        health.TIMES: lambda: health.times_health(lake, now, answers),
        health.DECISIONS: lambda: health.decisions_health(lake),
        health.WORKING: lambda: health.warehouse_health(lake, now),
        health.LEFTOVERS: lambda: health.leftovers(lake, now),
        purge.PURGE: lambda: purge.purge_health(lake),
        copied.COPY: lambda: _copy(settings, now),
        user_files.GOALS: lambda: user_files.goals_health(lake, estimated_thresholds(lake)),
        rules_file.RULES: lambda: rules_file.rules_health(lake),
        source_facts.PROVIDERS: lambda: source_facts.source_facts(settings, now),
        DASHBOARD: lambda: dashboard_health(settings, now),
        **_athletes(settings),
        **{
            name: look
            for system in parts("health")
            if system.__package__ not in left_out
            for name, look in system.looks(settings).items()
        },
    }


def _of_strava(settings: "Settings", faults: dict[str, str], now: datetime) -> dict[str, Look]:
    """The checks of its application and login, if there is one."""
    from strava_pipeline.core.sources import STRAVA
    from strava_pipeline.ingest.registry import part
    from strava_pipeline.operations.used import is_strava_set_up

    if not is_strava_set_up(settings):
        return {}
    strava, no_server = part(STRAVA, "access"), "STRAVA_BASE_URL" in faults
    return {
        APPLICATION: lambda: _application(settings),
        strava.ADDRESS: lambda: strava.new_address_health(settings, now),
        strava.SERVER: lambda: (
            skipped(strava.SERVER, "STRAVA_BASE_URL is faulty") if no_server else strava.server_health(settings)
        ),
        strava.LEDGER: lambda: strava.ledger_health(settings),
    }


def _copy(settings: "Settings", now: datetime) -> Iterator[Fact]:
    """The age of the second copy, and whether the next one can be made: restic exists, and its password is closed to others."""
    from strava_pipeline.ingest.restic import restic_of
    from strava_pipeline.lake.copied import COPY
    from strava_pipeline.operations.facts import facts

    if settings.copy_place is not None:
        try:
            version = restic_of(settings).version()
        except PipelineError as error:
            yield problem(COPY, str(error), "Until then no copy is made.")
            return
        yield ok(COPY, f"restic {version}, {settings.copy_place}")
    yield from facts(settings, now, ["second_copy"])


def _athletes(settings: "Settings") -> dict[str, Look]:
    """The registry and the workers, if there are several athletes and none of them is selected."""
    if settings.athletes_dir is None or settings.athlete_folder is not None:
        return {}
    from strava_pipeline.verbs.athlete_folders import ATHLETES, athletes_health
    from strava_pipeline.verbs.machines import WORKERS, workers_health

    return {ATHLETES: lambda: athletes_health(settings), WORKERS: lambda: workers_health(settings)}


def _folders(settings: "Settings") -> dict[str, Look]:
    """Whether the folders for writing are writable, and have space left."""
    from strava_pipeline.lake import health
    from strava_pipeline.lake.paths import Lake

    lake = Lake(settings.data_dir)
    folders = {
        "folder: data": settings.data_dir,
        "folder: secrets": settings.secrets_dir,
        "folder: logs": settings.logs_dir,
        "folder: ledger": settings.ledger_dir,
        "folder: dagster home": settings.dagster_home,
    }
    return {
        **{name: partial(health.writable, name, path) for name, path in folders.items()},
        health.PRIVACY: lambda: health.privacy(
            (settings.data_dir, settings.logs_dir, settings.dagster_home),
            () if settings.data_group is None else (settings.data_dir, lake.snapshot.parent, lake.snapshot),
        ),
        "disk: data": lambda: health.room("disk: data", settings.data_dir, Lake(settings.data_dir).working),
        "disk: logs": lambda: health.room("disk: logs", settings.logs_dir),
    }


def _settings(settings: "Settings", faults: dict[str, str], now: datetime) -> list[Fact]:
    from strava_pipeline.environment.settings import SECRETS, env_file
    from strava_pipeline.operations.facts import facts

    where = f"Fix it where it is set: the environment, {env_file()} or {SECRETS}; all below goes by its default."
    found = [problem(SETTINGS, f"{name}: {fault}.", where) for name, fault in faults.items()]
    return found + facts(settings, now, ["left_settings"]) or [ok(SETTINGS, "all usable")]


def _application(settings: "Settings") -> list[Fact]:
    """Whether it is set completely; empty without an application."""
    from strava_pipeline.core.errors import MissingSettingsError

    if settings.client_id is None and settings.client_secret is None:
        return []
    try:
        settings.require_application()
    except MissingSettingsError as error:
        what, _, lines = str(error).partition("\n")
        return [problem(APPLICATION, what, lines)]
    return [ok(APPLICATION, "set")]


def _make_bundle(settings: "Settings", files: list[Path]) -> None:
    from strava_pipeline.environment.settings import env_file
    from strava_pipeline.ingest.certificates import join_bundle
    from strava_pipeline.lake.files import write_whole

    bundle, content = settings.secrets_dir / "ca-bundle.pem", join_bundle(files)
    if bundle.is_file() and bundle.read_bytes() == content:
        echo(f"{bundle} holds them already.")
    else:
        settings.secrets_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(bundle, content)
        echo(f"Wrote {bundle}: the public certificates, and those of {', '.join(map(str, files))}.")
    if settings.ca_bundle == bundle:
        echo("The settings name it already. `strava-pipeline doctor` tries it.")
    else:
        echo(f"Put this line into {env_file()}, then `strava-pipeline doctor` tries it:")
        echo(f"REQUESTS_CA_BUNDLE={bundle}")
