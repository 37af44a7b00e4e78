"""A data folder of a few made-up files, and a repository of restic's for its copy: no Dagster, no emulator."""

import logging
import shutil
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from strava_pipeline.core.copies import CopySnapshot
from strava_pipeline.core.years import YearRange
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.restic import Restic, restic_of
from strava_pipeline.lake.files import append_line
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.copy_comparison import delete_copy
from strava_pipeline.operations.copy_proof import Restored, restore
from strava_pipeline.operations.copying import Copied, make_copy
from strava_pipeline.operations.progress import LogProgress
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline_tests.restic import PASSWORD

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
QUIET = LogProgress(logging.getLogger(__name__))
DETAIL = "data/bronze/activity_details/year=2025/{}/20250101T000000000000Z.json.gz"
COPIED = {
    "data/bronze/activities/1/page-0001.json.gz": b"a page",
    "data/bronze/activities/1/manifest.json": b"{}",
    **{DETAIL.format(key): b"a detail of %d" % key for key in range(1, 13)},
    "data/bronze/files/ab/ab12": b"".join(b"%07d" % number for number in range(700)),
    "data/bronze/addresses.jsonl": b"",
    "data/decisions/matches.jsonl": b'{"decided": 1}\n',
    "data/warehouse/strava.duckdb": b"tables",
    "goals.toml": b"[ride]\n",
    "rules.toml": b"[[rule]]\n",
    "views/mine.sql": b"SELECT 1",
    "providers.toml": b"[garmin]\n",
    "cars.toml": b"[[users]]\n",
}
NOT_COPIED = {
    "secrets/strava_token.json": b"a token",
    ".env": b"STRAVA_CLIENT_SECRET=secret",
    "data/state/app.sqlite3": b"sessions",
    "data/inbox/files/dropped.zip": b"a zip",
    "data/activities/year=2025/1.parquet": b"a shard",
    "data/bronze/files/.half.tmp": b"half a file",
}


@dataclass
class World:
    """An athlete's folder, and a repository. `now`: what time it is there; a copy takes a minute."""

    folder: Path
    repository: str
    now: datetime = NOON
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        config: dict[str, Any] = {
            "restic_repository": self.repository,
            "restic_password_file": self.folder.parent / "password",
            "data_dir": self.folder / "data",
            "secrets_dir": self.folder / "secrets",
            "providers_config": self.folder / "providers.toml",
            "pings_config": self.folder / "cars.toml",
        }
        return Settings.load(_env_file=None, **config | self.more)

    @property
    def lake(self) -> Lake:
        return Lake(self.folder / "data")

    @property
    def restic(self) -> Restic:
        return restic_of(self.settings)

    def write(self, name: str, content: bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def decide(self, what: str) -> bytes:
        """Add a line to the decisions; returns all of that file."""
        append_line(path := self.lake.decisions / "matches.jsonl", f'{{"decided": "{what}"}}\n'.encode())
        return path.read_bytes()

    def run(self) -> RunContext:
        """A minute later than the last one."""
        self.now += timedelta(minutes=1)
        clock = ServerClock(lambda: self.now, lambda: 0.0, lambda _: None)
        return RunContext(self.lake, YearRange(2025, 2026), clock, QUIET)

    def copy(self, *, adopt: bool = False) -> Copied:
        return make_copy(self.run(), self.settings, adopt=adopt)

    def delete(self, *, api: bool) -> None:
        delete_copy(self.settings, self.lake, api=api)

    def kinds(self) -> list[str]:
        """The kinds of the snapshots in the repository."""
        return sorted(str(each.kind) for each in self.snapshots())

    def snapshots(self) -> list[CopySnapshot]:
        return self.restic.snapshots()

    def restore(self, name: str, day: date | None = None, folder: str | None = None) -> Restored:
        into = self.folder.parent / name
        return restore(self.restic, into, self.now, ZoneInfo("Europe/London"), QUIET, day=day, folder=folder)

    def restored(self, name: str, day: date | None = None) -> dict[str, bytes]:
        """The files that a restore brings, without what belongs to the copy itself."""
        self.restore(name, day)
        found, own = contents(self.folder.parent / name), ("data/decisions/folder_id", "data/state/beside/")
        return {path: content for path, content in found.items() if not path.startswith(own)}

    def type_restic(self, *words: str) -> str:
        """Call restic by hand, in the data folder."""
        environment, command = dict(self.restic.environment), ["restic", *words]
        done = subprocess.run(
            command, env=environment, cwd=self.folder / "data", capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def new_world(folder: Path, repository: Path) -> World:
    """What COPIED and NOT_COPIED say, and a copy of an empty repository."""
    made = World(folder / "athlete", str(folder / "copy"))
    for name, content in (COPIED | NOT_COPIED).items():
        made.write(name, content)
    (folder / "password").write_text(PASSWORD)
    (folder / "password").chmod(0o600)
    shutil.copytree(repository, folder / "copy")
    return made


@pytest.fixture
def world(tmp_path: Path, new_repository: Path) -> World:
    """What COPIED and NOT_COPIED say, and an empty repository."""
    return new_world(tmp_path, new_repository)
