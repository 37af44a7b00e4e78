"""kill -9 at any durable step of an import, then the same command: as if it had never died, nothing lost, nothing twice.

What an unkilled import makes is the measure. The seed of a failure stands in its message.
"""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from strava_pipeline.ingest.strava.emulator.archive import Oddities, write_archive
from strava_pipeline.lake.imports.manifests import imports
from strava_pipeline_tests.e2e.mortals import Step, mortals
from strava_pipeline_tests.e2e.witness import assert_nothing_is_half, deaths, leftovers
from strava_pipeline_tests.rig import Make, Rig

TABLES = {  # and what tells the moment of the import, which is another one each time
    "activities_all": "ingestion_ts, edited_at",
    "activity_history": "valid_from, valid_to",
    "activity_details": "fetched_at",
    "activity_laps": "",
    "activity_sessions": "",
    "imported_activities": "ingestion_ts",
    "files": "received_at, import_name",
    "gear": "fetched_at",
}


def an_archive(rig: Rig) -> Path:
    path = rig.folder / "export_1.zip"
    write_archive(rig.emulator.state.config, path, oddities=Oddities(missing=1, unlisted=1))
    return path


def made(rig: Rig) -> dict[str, Any]:
    """Everything that an import makes, but for the moment: gold, tracks, bytes, readings, and how many imports there are."""
    lake = rig.lake
    found: dict[str, Any] = {
        table: rig.gold(f"SELECT * {f'EXCLUDE ({moments})' if moments else ''} FROM {table} ORDER BY ALL")
        for table, moments in TABLES.items()
    }
    tracks = f"'{lake.tracks}/*/*.parquet'"
    found["tracks"] = duckdb.sql(f"FROM {tracks} ORDER BY activity_id, part, point").fetchall()
    for name, folder in (("bytes", lake.files), ("readings", lake.readings / "files")):
        found[name] = {
            str(path.relative_to(folder)): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file() and not path.name.startswith(".")
        }
    found["imports"] = len(list(imports(lake)))
    found["activities of"] = len(list((lake.readings / "imports").glob("[!.]*")))
    return found


@pytest.mark.parametrize(
    ("seed", "most"),
    [pytest.param(1, 2, marks=pytest.mark.slow), pytest.param(2, 40, marks=pytest.mark.soak(part="kills"))],
)
def test_killed_anywhere_the_same_import_makes_it_whole(make_rig: Make, tmp_path: Path, seed: int, most: int) -> None:
    rig = make_rig(logged_in=False, activities=8, years=(2025, 2026), settings={"first_year": 2025})
    command = ("import", str(an_archive(rig)))
    with mortals(rig.settings, tmp_path) as living:
        whole = living.run(*command, in_memory=True)
        assert whole.code == 0, whole.said
        wanted = made(rig)
        assert all(wanted.values())
        for step in deaths(living, rig, command, whole, seed, most):
            again = living.run(*command, in_memory=True)
            assert again.code == 0, f"died at {step}: {again.said}"
            for word in ("Traceback", "Waiting for", "Already at work"):
                assert word not in again.said, f"died at {step}: {again.said}"
            assert_nothing_is_half(rig, tmp_path)
            assert_same(made(rig), wanted, step)
            left = set(leftovers(rig))
            assert not left & {"staged", "wal", "unfinished in data/warehouse", "unfinished in data/tracks"}, step
    assert rig.calls()["by_endpoint"] == {}


def assert_same(found: dict[str, Any], wanted: dict[str, Any], step: Step) -> None:
    differing = [name for name in wanted if found[name] != wanted[name]]
    assert differing == [], f"died at {step}: {differing}"
