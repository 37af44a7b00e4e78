"""A whole pipeline on temporary folders: an emulator, a login, a Dagster instance, and looks into what came of it."""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import requests
from alembic.config import Config
from alembic.script import ScriptDirectory

from strava_pipeline.environment.file_locks import exclusive
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.strava.access import ledger_path, sharer_of
from strava_pipeline.ingest.strava.emulator.app import Emulator
from strava_pipeline.ingest.strava.emulator.application import EmulatorConfig, Limits
from strava_pipeline.lake.imports.merge import years_with_unmerged_imports
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.table_rules import RULES
from strava_pipeline.operations.years import year_range
from strava_pipeline.orchestrate.build import build_defs
from strava_pipeline.verbs.instance import open_instance
from strava_pipeline.verbs.run_job import RunOutcome, run_job
from strava_pipeline_tests.patience import PATIENCE
from strava_pipeline_tests.without_dagster import Done, do

# Each new database of Dagster's is stamped with its newest migration, which takes 20 ms to find out.
_read_scripts, _scripts = ScriptDirectory.from_config, dict[str | None, ScriptDirectory]()


def _scripts_once(config: Config) -> ScriptDirectory:
    if (name := config.config_file_name) not in _scripts:
        _scripts[name] = _read_scripts(config)
    return _scripts[name]


ScriptDirectory.from_config = staticmethod(_scripts_once)  # type: ignore[method-assign, assignment]

NOW = datetime(2026, 3, 10, 12, 0, 30, tzinfo=UTC)  # where an emulator's clock starts, whatever the host's date
YEARS = list(range(2022, 2027))
ROOMY = Limits(100_000, 1_000_000, 100_000, 1_000_000)


# Tables of a detail, and what the API calls their rows.
CHILDREN = {
    "activity_laps": "laps",
    "activity_splits_metric": "splits_metric",
    "activity_splits_standard": "splits_standard",
    "activity_segment_efforts": "segment_efforts",
    "activity_best_efforts": "best_efforts",
}


@dataclass
class Rig:
    """One athlete, one data folder."""

    emulator: Emulator
    settings: Settings
    folder: Path
    asked: dict[str, Any]  # what it was made with
    kept: Path  # where beginnings are kept

    @property
    def lake(self) -> Lake:
        return Lake(self.settings.data_dir)

    def run(self, job: str, years: list[int] | None = None, **told: dict[str, Any]) -> RunOutcome:
        """Run a job in this process over `years` (all, unless said), on an instance in memory."""
        return self._run(job, years or self.years, told)

    def do(self, job: str, years: list[int] | None = None, **config: dict[str, Any]) -> Done:
        """Do what `run` does to the data, without Dagster: no checks, no metadata, no record, a third of the CPU."""
        return do(self.settings, definitions(self.settings), job, years or self.years, config)

    def import_files(self, *paths: Path) -> Done:
        """Do what the command `import` does to the data, without Dagster; what its merge reported."""
        landed = self.do("import_files", bronze_files={"paths": [str(path) for path in paths]})
        behind = years_with_unmerged_imports(self.lake, year_range(self.settings.first_year))
        if not behind:
            return landed
        merged = self.do("merge_files", list(range(min(behind), max(behind) + 1)))
        return Done({**landed.reports, **merged.reports})

    def begin_with(self, job: str, years: list[int] | None = None) -> None:
        """Have on disk, as data and logs, what a first run of `job` leaves there.

        It is lived through once for each kind of rig, by one that is like this one, and copied from then on. This one's
        emulator was asked nothing, and its Dagster remembers nothing.
        """
        what = hashlib.sha256(repr((job, years or self.years, sorted(self.asked.items()))).encode()).hexdigest()[:16]
        life, whole = self.kept / what, self.kept / what / "whole"
        with exclusive(self.kept / f"{what}.lock"):  # the workers of a session share it
            if not whole.exists():
                shutil.rmtree(life, ignore_errors=True)
                life.mkdir()
                with started(life, kept=self.kept, **self.asked) as first:
                    first.run(job, years)
                    whole.write_text(str(first.emulator.state.epoch - first.emulator.state.config.now.timestamp()))
        for left in ("data", "logs"):
            shutil.copytree(life / left, self.folder / left, symlinks=True)
        for ledger in (life / "ledger").glob("strava-*.json"):  # named by that emulator's address
            self.settings.ledger_dir.mkdir(exist_ok=True)
            kept = json.loads(ledger.read_bytes())
            kept["sharers"] = {sharer_of(self.settings.data_dir): each for each in kept["sharers"].values()}
            ledger_path(self.settings).write_text(json.dumps(kept))
        self.emulator.state.clock.set(self.emulator.state.config.now + timedelta(seconds=float(whole.read_text())))

    def run_unpartitioned(self, job: str, **told: dict[str, Any]) -> RunOutcome:
        return self._run(job, None, told)

    def _run(self, job: str, years: list[int] | None, config: dict[str, dict[str, Any]]) -> RunOutcome:
        loaded = definitions(self.settings)
        return run_job(self.settings, job, years=years, config=config, instance=self.remembered, definitions=loaded)

    @property
    def years(self) -> list[int]:
        return year_range(self.settings.first_year).all

    def gold(self, query: str, path: Path | None = None) -> list[tuple[Any, ...]]:
        """Rows of a query on the published warehouse."""
        return self.golds({"rows": query}, path)["rows"]

    def golds(self, queries: Mapping[str, str], path: Path | None = None) -> dict[str, list[tuple[Any, ...]]]:
        """Rows of several, by their names, in one look: opening costs more than most queries."""
        connection = duckdb.connect(str(path or self.lake.snapshot), read_only=True)
        try:
            connection.execute("SET TimeZone = 'UTC'")
            return {name: connection.execute(query).fetchall() for name, query in queries.items()}
        finally:
            connection.close()

    def one(self, query: str) -> Any:
        return self.gold(query)[0][0]

    def control(self, what: str, **body: Any) -> dict[str, Any]:
        """Have the emulator do something; what is deleted goes a second after all that was said of it, as it would at Strava."""
        if what == "delete":
            self.control("clock", advance=1)
        answer = requests.post(f"{self.emulator.url}/_emulator/{what}", json=body, timeout=PATIENCE)
        answer.raise_for_status()
        return dict(answer.json())

    def add(self, start: datetime | str, sport: str = "Run") -> int:
        """Have the athlete record another activity, of London; its id."""
        told = start.isoformat() if isinstance(start, datetime) else start
        wanted = {"start_date": told, "sport_type": sport, "timezone": "Europe/London"}
        return int(self.control("add", generate=wanted)["id"])

    def fault(self, path: str, kind: str, **more: Any) -> None:
        self.control("faults", path=path, kind=kind, **more)

    def clear_faults(self) -> None:
        requests.delete(f"{self.emulator.url}/_emulator/faults", timeout=PATIENCE).raise_for_status()

    def truth(self) -> list[dict[str, Any]]:
        """Every activity that exists at the source, in full."""
        return list(requests.get(f"{self.emulator.url}/_emulator/truth", timeout=PATIENCE).json()["activities"])

    def archive(self, name: str, **order: Any) -> Path:
        """What Strava would mail the athlete now, in the rig's folder."""
        answer = requests.post(f"{self.emulator.url}/_emulator/archive", json=order, timeout=PATIENCE)
        answer.raise_for_status()
        path = self.folder / name
        path.write_bytes(answer.content)
        return path

    def calls(self, *, reset: bool = True, all_answered: bool = False) -> dict[str, Any]:
        """What was asked of the emulator since the last look; `all_answered`: also what a killed process still asked."""
        deadline = time.monotonic() + PATIENCE
        while True:
            found = dict(requests.get(f"{self.emulator.url}/_emulator/calls", timeout=PATIENCE).json())
            if not all_answered or not found["open"]:
                break
            assert time.monotonic() < deadline
            time.sleep(0.01)
        if reset:
            requests.delete(f"{self.emulator.url}/_emulator/calls", timeout=PATIENCE).raise_for_status()
        return found

    @cached_property
    def remembered(self) -> dg.DagsterInstance:
        """The instance that `run` uses: in memory, unless another one is put here."""
        return dg.DagsterInstance.ephemeral()

    @property
    def secrets(self) -> list[str]:
        """The login and the application's secret, which nothing may show."""
        token = json.loads((self.settings.secrets_dir / "strava_token.json").read_text())
        return [token["access_token"], token["refresh_token"], self.emulator.state.config.client_secret]

    def failed_checks(self, run_id: str) -> list[str]:
        """The rules that the checks of a run of `run` found broken; the name of a check that has none."""
        entries = self.remembered.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        found = [entry.dagster_event.asset_check_evaluation_data for entry in entries if entry.dagster_event]
        return [rule for one in found for rule in broken_rules(one)]

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        """The instance on disk, which commands and daemons use."""
        with open_instance(self.settings.dagster_home) as instance:
            yield instance

    def assert_true_to_source(self) -> None:
        """Gold holds the present activities and details of the source, no more, no fewer, in their present state."""
        truth = {item["id"]: item for item in self.truth()}
        present = "SEMI JOIN activities AS present ON present.id = activity_id"  # the others keep what was fetched
        counts = {table: f"SELECT activity_id, count(*) FROM {table} {present} GROUP BY 1" for table in CHILDREN}
        gold = self.golds(
            {
                "rows": "SELECT id, name, distance, gear_id, sport_type FROM activities",
                "details": f"SELECT activity_id, name, description, calories FROM activity_details {present}",
                **counts,
            }
        )
        assert {row[0]: row[1:] for row in gold["rows"]} == {
            key: (item["name"], item["distance"], item["gear_id"], item["sport_type"]) for key, item in truth.items()
        }
        assert {row[0]: row[1:] for row in gold["details"]} == {
            key: (item["name"], item.get("description"), item.get("calories")) for key, item in truth.items()
        }
        for table, field in CHILDREN.items():
            assert dict(gold[table]) == {key: len(item[field]) for key, item in truth.items() if item.get(field)}, table


Make = Callable[..., Rig]


def definitions(settings: Settings) -> dg.Definitions:
    """What Dagster loads for these settings and their providers.toml, built once, as in a code location: it takes 0.4 s of CPU."""
    file = settings.providers_config
    return _definitions(settings, file.read_bytes() if file.is_file() else b"")


@lru_cache(maxsize=2)
def _definitions(settings: Settings, _providers: bytes) -> dg.Definitions:
    return build_defs(settings)


def broken_rules(evaluation: dg.AssetCheckEvaluation) -> list[str]:
    """The rules that a check found broken, as its result names them; the name of a check that is of one rule."""
    if evaluation.passed:
        return []
    names = ["columns_match", *(rule.name for rule in RULES)]
    return [name for name in names if f"{name}: " in str(evaluation.description)] or [evaluation.check_name]


@contextmanager
def started(
    folder: Path,
    *,
    kept: Path | None = None,
    logged_in: bool = True,
    settings: dict[str, Any] | None = None,
    **config: Any,
) -> Iterator[Rig]:
    """A rig whose emulator has `config` (EmulatorConfig's fields) and a login unless told otherwise."""
    asked = {"activities": 30, "years": (2022, 2026), "seed": 5, "now": NOW, "limits": ROOMY} | config
    with Emulator(EmulatorConfig(**asked)) as emulator:
        made = Settings.load(
            _env_file=None,
            **{
                "client_id": emulator.state.config.client_id,
                "client_secret": emulator.state.config.client_secret,
                "base_url": emulator.url,
                "api_url": f"{emulator.url}/api/v3",
                "data_dir": folder / "data",
                "secrets_dir": folder / "secrets",
                "logs_dir": folder / "logs",
                "dagster_home": folder / "dagster_home",
                "ledger_dir": folder / "ledger",
                "first_year": 2022,
                "alert_url": None,
                "publish_minutes": 0,
                "automation": False,
            }
            | (settings or {}),
        )
        rig = Rig(emulator, made, folder, {"logged_in": logged_in, "settings": settings, **config}, kept or folder)
        if logged_in:
            log_in(rig)
        rig.calls()
        yield rig


def log_in(rig: Rig, scope: str = "read,activity:read_all,profile:read_all") -> None:
    """Put a login where the settings want it, as `auth` would."""
    config = rig.emulator.state.config
    asked = requests.get(
        f"{rig.emulator.url}/oauth/authorize",
        params={
            "client_id": config.client_id,
            "redirect_uri": "http://localhost/exchange_token",
            "response_type": "code",
            "scope": scope,
            "state": "s",
        },
        allow_redirects=False,
        timeout=PATIENCE,
    )
    code = asked.headers["Location"].split("code=")[1].split("&")[0]
    token = requests.post(
        f"{rig.emulator.url}/oauth/token",
        data={
            "client_id": config.client_id,
            "client_secret": config.client_secret,
            "code": code,
            "grant_type": "authorization_code",
        },
        timeout=PATIENCE,
    ).json()
    rig.settings.secrets_dir.mkdir(mode=0o700, exist_ok=True)
    path = rig.settings.secrets_dir / "strava_token.json"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(token | {"scope": scope}, file)
