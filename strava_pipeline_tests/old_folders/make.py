"""Makes a data folder that holds something of everything, packed: `python -m strava_pipeline_tests.old_folders.make FILE`.

Run from a checkout of the version whose folders are to be kept as they were; the tests beside this open it with today's code.
"""

import os
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from strava_pipeline.core.systems import parts
from strava_pipeline.ingest.strava.emulator.archive import Oddities, write_archive
from strava_pipeline.lake.decisions import record_decisions
from strava_pipeline.lake.gold.matches import MatchDecision
from strava_pipeline.lake.gold.quarantine import QuarantineDecision
from strava_pipeline_tests.imports import a_gpx, import_by_dagster
from strava_pipeline_tests.rig import Rig, started
from strava_pipeline_tests.webhooks import delivered, subscribed

SYSTEMS = parts("old_folder", "strava_pipeline_tests.trips")
KEPT = ("data", "goals.toml")


def live(rig: Rig) -> None:
    """Everything that leaves something in a data folder, once."""
    (rig.folder / "goals.toml").write_text('[[goals]]\nname = "A thousand"\nmetric = "distance"\ntarget = 1000\n')
    rig.run("flow_backfill")
    oldest_first = [item["id"] for item in sorted(rig.truth(), key=lambda item: item["start_date"])]
    rig.control("edit", id=oldest_first[-1], set={"name": "Renamed", "description": "after the first run"})
    rig.control("edit", id=oldest_first[-2], set={"kudos_count": 77})
    rig.control("delete", id=oldest_first[-3])
    rig.run("flow", [2025, 2026])
    shrink(rig, [key for key in oldest_first if year_of(rig, key) == 2023])
    quarantine(rig)
    rig.run_unpartitioned("profile")
    rig.run("streams")
    take_in_files(rig)
    follow_events(rig, oldest_first)
    for system in SYSTEMS:
        system.live(rig)


def year_of(rig: Rig, key: int) -> int:
    return int(rig.one(f"SELECT year FROM activities_all WHERE id = {key}"))


def shrink(rig: Rig, keys: Sequence[int]) -> None:
    """Delete so much of a year that a person has to confirm it, and confirm it."""
    for key in keys[:-1]:
        rig.control("delete", id=key)
    rig.run("reconcile", [2023])
    assert rig.one("SELECT count(*) FROM activities WHERE year = 2023") == len(keys), "a person has to confirm it"
    rig.run("reconcile", [2023], activities={"allow_shrink": True})
    assert rig.one("SELECT count(*) FROM activities WHERE year = 2023") == 1


def quarantine(rig: Rig) -> None:
    """An activity whose detail fails, and one that a person dropped."""
    for _ in range(2):
        start = datetime.fromtimestamp(rig.emulator.state.clock.now().timestamp() - 7200, UTC).isoformat()
        key = rig.control("add", generate={"start_date": start, "sport_type": "Run", "timezone": "Europe/London"})["id"]
        rig.fault(f"/activities/{key}", "status", status=500, times=-1)
    for _ in range(4):
        rig.run("flow", [2026])
        rig.control("clock", advance=2 * 86_400)
    record_decisions(
        rig.lake, QuarantineDecision(at=datetime(2026, 3, 10, 14, tzinfo=UTC), by="test", activity_id=key, dropped=True)
    )
    rig.clear_faults()


def take_in_files(rig: Rig) -> None:
    """An archive, and files of which two are one by the evidence; a person says that they are two, and joins two others."""
    archive = rig.folder / "export_1.zip"
    write_archive(rig.emulator.state.config, archive, oddities=Oddities())
    import_by_dagster(rig, archive)
    for name, minute in (("one", 0), ("same", 0), ("other", 20), ("another", 40)):
        seconds = 31 if name == "same" else 30
        (rig.folder / f"{name}.gpx").write_bytes(a_gpx(minute=minute, seconds=seconds))
    import_by_dagster(rig, *(rig.folder / f"{name}.gpx" for name in ("one", "same", "other", "another")))
    ids = [key for (key,) in rig.gold("SELECT id FROM activities_all WHERE source = 'file' ORDER BY start_date, id")]
    at = datetime(2026, 3, 10, 15, tzinfo=UTC)
    record_decisions(rig.lake, MatchDecision(at=at, by="test", id=ids[0], other_id=ids[1], joined=False))
    record_decisions(rig.lake, MatchDecision(at=at, by="test", id=ids[2], other_id=ids[3], joined=True))
    rig.run("match")


def follow_events(rig: Rig, keys: Sequence[int]) -> None:
    """Events that a run followed, and one that waits."""
    with subscribed(rig):
        rig.control("edit", id=keys[0], set={"name": "Renamed, as an event said"})
        rig.control("delete", id=keys[1])
        delivered(rig)
        rig.emulator.state.clock.advance(60)
        rig.run("events", rig.years)
        rig.control("edit", id=keys[2], set={"name": "Renamed, and nobody looked"})


def main(file: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = {name: value for system in SYSTEMS for name, value in system.settings(folder).items()}
        with started(folder, activities=40, settings=settings) as rig:
            live(rig)
        with tarfile.open(file, "w:xz") as packed:
            for kept in KEPT:
                if (folder / kept).exists():
                    packed.add(folder / kept, kept)


if __name__ == "__main__":
    os.umask(0o077)
    main(Path(sys.argv[1]))
