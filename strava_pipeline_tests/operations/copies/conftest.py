"""A data folder of a few made-up files, and a place for its copy: no Dagster, no emulator."""

import hashlib
import logging
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from strava_pipeline.core.copies.sealing import key_text
from strava_pipeline.core.years import YearRange
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.copy_store import open_store
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.copies.checking import Checked, check_copy
from strava_pipeline.operations.copies.mirroring import Mirrored, mirror
from strava_pipeline.operations.copies.opened import open_copy, seal_of
from strava_pipeline.operations.copies.restoring import Restored, restore
from strava_pipeline.operations.progress import LogProgress
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.settings import Settings

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
QUIET = LogProgress(logging.getLogger(__name__))
DETAIL = "data/bronze/activity_details/year=2025/7/20250101T000000000000Z.json.gz"
CONTENTS = {
    "data/bronze/activities/1/page-0001.json.gz": b"a page",
    "data/bronze/activities/1/manifest.json": b"{}",
    "data/bronze/activity_details/year=2025/7/20250101T000000000000Z.json.gz": b"a detail of 7",
    "data/bronze/activity_details/year=2025/8/20250101T000000000000Z.json.gz": b"a detail of 8",
    "data/bronze/files/ab/ab12": b"".join(b"%07d" % number for number in range(700)),
    "data/bronze/addresses.jsonl": b"",
    "data/decisions/matches.jsonl": b'{"decided": 1}\n',
    "data/warehouse/strava.duckdb": b"tables",
    "goals.toml": b"[ride]\n",
    "views/mine.sql": b"SELECT 1",
    "providers.toml": b"[garmin]\n",
}


@dataclass
class World:
    """An athlete's folder and its copy. `days`: what day it is there, from 10 March 2026 on."""

    folder: Path
    url: str
    days: int = 0
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        config = {"mirror_url": self.url, "mirror_key_file": self.folder.parent / "key", **self.more}
        return Settings.load(
            _env_file=None,
            data_dir=self.folder / "data",
            secrets_dir=self.folder / "secrets",
            providers_config=self.folder / "providers.toml",
            **config,
        )

    @property
    def lake(self) -> Lake:
        return Lake(self.folder / "data")

    def write(self, name: str, content: bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def mirror(self, **options: bool) -> Mirrored:
        clock = ServerClock(lambda: NOON + timedelta(days=self.days), lambda: 0.0, lambda _: None)
        run = RunContext(self.lake, YearRange(2025, 2026), clock, QUIET)
        return mirror(run, self.settings, **options)

    def check(self, share: float = 1.0) -> Checked:
        return check_copy(self.settings, share, Random(1), QUIET)

    def restore(self, name: str, day: date | None = None) -> Restored:
        settings = self.settings
        copy = open_copy(open_store(settings), seal_of(settings.mirror_key_file))
        assert copy is not None
        return restore(copy, self.folder.parent / name, day, ZoneInfo("Europe/London"), QUIET)

    def restored(self, name: str, day: date | None = None) -> dict[str, bytes]:
        """The files that a restore brings, without what belongs to the copy itself."""
        self.restore(name, day)
        found = contents(self.folder.parent / name)
        return {path: content for path, content in found.items() if not path.startswith("data/state/")}

    @property
    def objects(self) -> dict[str, bytes]:
        return contents(Path(self.url))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def world(tmp_path: Path) -> World:
    """What `CONTENTS` says, a login beside it, and no copy yet."""
    made = World(tmp_path / "athlete", str(tmp_path / "copy"))
    for name, content in CONTENTS.items():
        made.write(name, content)
    made.write("secrets/strava_token.json", b"a token")
    made.write(".env", b"STRAVA_CLIENT_SECRET=secret")
    made.write("data/state/app.sqlite3", b"sessions")
    made.write("data/inbox/files/dropped.zip", b"a zip")
    made.write("data/activities/year=2025/1.parquet", b"a shard")
    made.write("cars.toml", b"a token of a phone")
    (tmp_path / "key").write_text(key_text(hashlib.sha256(b"key").digest()))
    return made
