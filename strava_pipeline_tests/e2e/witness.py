"""What a kill -9 may and may not leave behind: looks at a data folder between the death and the next run, and after it."""

import random
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from strava_pipeline.core.tables import DETAIL_TABLES
from strava_pipeline.lake.files import stamp, unpacked_json
from strava_pipeline.lake.gold.quality import counted
from strava_pipeline.lake.gold.warehouse import version_of
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.e2e.mortals import Life, Mortals, Step, choose
from strava_pipeline_tests.rig import CHILDREN, Rig


@dataclass(frozen=True, slots=True)
class OnDisk:
    """The answers that are on disk."""

    details: Counter[str]
    pages: int
    gear: Counter[str]
    login: bytes

    @classmethod
    def of(cls, rig: Rig) -> "OnDisk":
        lake = rig.lake
        return cls(
            details=Counter(path.parent.name for path in lake.details.rglob("[0-9]*.json.gz")),
            pages=len(list(lake.listings.rglob("page-*.json.gz"))),
            gear=Counter(path.parent.name for path in lake.gear.rglob("[0-9]*.json.gz")),
            login=(rig.settings.secrets_dir / "strava_token.json").read_bytes(),
        )


@dataclass
class Asked:
    """What the emulator was asked."""

    details: Counter[str] = field(default_factory=Counter)
    gear: Counter[str] = field(default_factory=Counter)
    pages: int = 0
    tokens: int = 0

    @classmethod
    def of(cls, rig: Rig) -> "Asked":
        found = cls()
        for _, _, path, status in rig.calls()["log"]:
            name = path.partition("?")[0].removeprefix("/api/v3")
            if status in (401, 429):
                assert status == 401, "no call over a limit"
            elif name == "/athlete/activities":
                found.pages += 1
            elif name.startswith("/activities/"):
                found.details[name.rpartition("/")[2]] += 1
            elif name.startswith("/gear/"):
                found.gear[name.rpartition("/")[2]] += 1
            found.tokens += name == "/oauth/token"
        return found


def assert_nothing_is_half(rig: Rig, folder: Path) -> None:
    """All rows of an activity or none, keys once, in the snapshot (which opens) and in the working warehouse."""
    lake = rig.lake
    if lake.snapshot.exists():
        with duckdb.connect(str(lake.snapshot), read_only=True) as connection:
            _assert_whole(connection, lake)
    if lake.working.exists() and lake.working.stat().st_size:
        copy = folder / "examined.duckdb"
        wal = Path(f"{lake.working}.wal")
        for source, target in ((lake.working, copy), (wal, Path(f"{copy}.wal"))):
            target.unlink(missing_ok=True)
            if source.exists():
                shutil.copyfile(source, target)
        with duckdb.connect(str(copy)) as connection:
            if version_of(connection) is not None:
                _assert_whole(connection, lake)


def _assert_whole(connection: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    connection.execute("SET TimeZone = 'UTC'")
    for table in ("activities_all", *DETAIL_TABLES):
        assert not any(counted(connection, "duplicate_keys", table).values()), table
    fetched = "WHERE source = 'strava'"  # what was imported has no answer of its own
    held = connection.execute(f"SELECT activity_id, fetched_at FROM activity_details {fetched}").fetchall()
    counts = {
        table: dict(connection.execute(f"SELECT activity_id, count(*) FROM {table} {fetched} GROUP BY 1").fetchall())
        for table in CHILDREN
    }
    bodies = {key: _body(lake, key, stamp(at)) for key, at in held}
    for table, name in CHILDREN.items():
        assert counts[table] == {key: len(body[name]) for key, body in bodies.items() if body.get(name)}, table


def _body(lake: Lake, activity_id: int, name: str) -> dict[str, Any]:
    (path,) = lake.details.glob(f"*/{activity_id}/{name}.*json.gz")
    return dict(unpacked_json(path))


def assert_no_call_was_wasted(before: OnDisk, at_death: OnDisk, died: Asked, again: Asked, usual: Asked) -> None:
    """Nothing whose answer was on disk is asked again, but the pages of a short listing; at most the call in flight is made twice.

    If that was a page of a long one, it goes on from its last start, which costs the page that holds just this.
    """
    twice = []
    for made, had in (("details", "details"), ("gear", "gear")):
        total = getattr(died, made) + getattr(again, made)
        landed = getattr(at_death, had) - getattr(before, had)
        for key, count in total.items():
            if count > getattr(usual, made)[key]:
                assert key not in landed, f"{made} {key}: its answer was on disk"
                twice += [key] * (count - getattr(usual, made)[key])
    spare = died.pages + again.pages - usual.pages - (at_death.pages - before.pages)
    lost_page = died.pages > at_death.pages - before.pages  # a listing goes on one second overlapping: a page more
    assert len(twice) + max(spare, 0) <= 1 + lost_page, (twice, spare)
    assert died.pages <= at_death.pages - before.pages + 1


def leftovers(rig: Rig) -> Counter[str]:
    """What a dead process left that no run reads: by kind."""
    found: Counter[str] = Counter()
    for path in _files((rig.settings.data_dir, rig.settings.secrets_dir)):
        name = path.relative_to(rig.folder)
        if path.name.startswith(".") and path.suffix != ".lock":
            found[f"unfinished in {name.parts[0]}/{name.parts[1]}"] += 1
        elif rig.lake.staging in path.parents:
            found["staged"] += 1
        elif path.suffix in (".damaged", ".outdated", ".old"):
            found[path.suffix] += 1
        elif path.parent == rig.lake.state / "runs":
            found["lock of a run"] += 1
        elif path.suffix == ".wal":
            found["wal"] += 1
    return +found


def _files(folders: Iterable[Path]) -> Iterable[Path]:
    for folder in folders:
        yield from (path for path in folder.rglob("*") if path.is_file())


def unended_runs(rig: Rig) -> list[str]:
    """Runs of the Dagster instance that claim to be on their way."""
    with rig.instance() as instance:
        return [f"{run.job_name} {run.status.value}" for run in instance.get_runs() if not run.is_finished]


def deaths(
    living: Mortals, rig: Rig, command: tuple[str, ...], whole: Life, seed: int, most: int, start: Path | None = None
) -> Iterator[Step]:
    """The steps of the command's `whole` life at which it died, each time with the data folder `start` (None: none); nothing is half then."""
    died = 0
    for step in choose(whole, random.Random(seed), most, Counter(), dagster=False):
        shutil.rmtree(rig.settings.data_dir)
        if start is not None:
            shutil.copytree(start, rig.settings.data_dir)
        life = living.run(*command, dying=step, in_memory=True)
        assert life.code in (-9, 0), life.said
        died += life.code == -9
        assert_nothing_is_half(rig, rig.folder)
        yield step
    assert died >= most * 9 // 10, "a step that a life did not come to kills nobody"
