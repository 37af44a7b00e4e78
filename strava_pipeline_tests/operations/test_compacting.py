"""What `compact` has to do, looked up beforehand: nothing after a whole run; else the years, whatever left them behind."""

import logging
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from pydantic import SecretStr

from strava_pipeline.core.sources import STRAVA
from strava_pipeline.lake.bronze.answers import land_athlete, land_gear
from strava_pipeline.lake.decisions import record_decisions
from strava_pipeline.lake.gold.event_followup import note_deletions
from strava_pipeline.lake.gold.matches import MatchDecision
from strava_pipeline.lake.gold.warehouse import reading, writing
from strava_pipeline.lake.imports.undo import note_left_out
from strava_pipeline.lake.rebuild import reason_to_rebuild
from strava_pipeline.operations.compacting import years_to_compact
from strava_pipeline.operations.options import ListingOptions
from strava_pipeline.operations.progress import LogProgress
from strava_pipeline.operations.pulling import pull_listing
from strava_pipeline.operations.run_context import run_context
from strava_pipeline.operations.source import BudgetedSource
from strava_pipeline_tests.imports import an_archive
from strava_pipeline_tests.rig import NOW, YEARS, Rig

pytestmark = pytest.mark.closed  # its tests change the warehouse from outside
Change = Callable[[Rig], object]


def found(rig: Rig) -> list[int]:
    """The years that `compact` would run for."""
    return years_to_compact(run_context(rig.settings, LogProgress(logging.getLogger())), rig.settings, YEARS)


def begin(rig: Rig) -> None:
    rig.begin_with("flow_backfill")
    rig.do("compact")  # the shards there are copies, and other files than those that were merged


def ids(rig: Rig, year: int) -> list[int]:
    return [key for (key,) in rig.gold(f"SELECT id FROM activities WHERE year = {year} ORDER BY id")]


def delete_at_source(rig: Rig, year: int, left: int = 0) -> None:
    """Delete the year's activities, but `left`, and list the year again, without merging what that shows."""
    for key in ids(rig, year)[left:]:
        rig.control("delete", id=key)
    rig.do("run", [year], bronze_activities={"mode": "year"})


def execute(statement: str) -> Change:
    def changed(rig: Rig) -> None:
        connection = duckdb.connect(str(rig.lake.working))
        connection.execute(statement)
        connection.close()

    return changed


def edit(rig: Rig) -> None:
    rig.control("edit", id=ids(rig, 2024)[0], set={"name": "Edited"})
    rig.do("run", [2024], bronze_activities={"mode": "year"})


def list_alone(rig: Rig) -> None:
    rig.control("edit", id=ids(rig, 2024)[0], set={"name": "Edited"})
    run = run_context(rig.settings, LogProgress(logging.getLogger()))
    pull_listing(run, BudgetedSource(STRAVA, rig.settings, run), ListingOptions(mode="year"), [2024])


def edit_twice(rig: Rig) -> None:
    edit(rig)
    rig.control("edit", id=ids(rig, 2026)[0], set={"name": "Edited"})
    rig.do("run", [2026], bronze_activities={"mode": "year"})


def land_athlete_alone(rig: Rig) -> None:
    land_athlete(rig.lake, b'{"id": 7, "weight": 71.5}', NOW)


def decide(rig: Rig) -> None:
    one, other = ids(rig, 2024)[:2]
    record_decisions(rig.lake, MatchDecision(at=NOW, by="a test", id=one, other_id=other, joined=True))


def view(rig: Rig) -> None:
    rig.lake.views.mkdir()
    (rig.lake.views / "mine.sql").write_text("CREATE VIEW mine AS SELECT 1 AS n")


def import_unmerged(rig: Rig) -> None:
    gone = ids(rig, 2023)[0]
    rig.control("delete", id=gone)
    rig.do("import_files", bronze_files={"paths": [str(an_archive(rig))]})


def undo(rig: Rig) -> None:
    """As if the warehouse left out an import that is not undone (any more)."""
    with writing(rig.lake) as connection:
        note_left_out(connection, ["20260101T000000Z"])


def damage(path: Callable[[Rig], Path]) -> Change:
    return lambda rig: (path(rig).unlink(), path(rig).write_bytes(b"x" * 9000))


OF_YEARS: dict[str, tuple[Change, list[int]]] = {
    "shards of a year": (edit, [2024]),
    "shards of two years, and the one between": (edit_twice, [2024, 2025, 2026]),
    "shards that gold was not made of": (
        execute("DELETE FROM lake_meta WHERE key = 'made:activities:2022'"), [2022]
    ),
    "a deletion by an event": (lambda rig: note_deletions(rig.lake, {ids(rig, 2022)[0]: NOW}, None), [2022]),
    "goals of a year": (lambda rig: rig.lake.goals.write_text("[2024.run]\ndistance_km = 1000\n"), [2024]),
    "insights that are lost": (lambda rig: (rig.lake.insights_of(2023) / "pacing.json").unlink(), [2023]),
    "insights that say something else": (
        lambda rig: (rig.lake.insights_of(2025) / "summary_activities.json").write_text("{}"), [2025]
    ),
}  # fmt: skip
OF_NO_YEAR: dict[str, tuple[Change, list[int]]] = {
    "deletions by a listing without rows": (lambda rig: delete_at_source(rig, 2026), YEARS),
    "the athlete": (land_athlete_alone, YEARS),
    "gear": (lambda rig: land_gear(rig.lake, "b99", b'{"id": "b99", "name": "New"}', NOW), YEARS),
    "a decided match": (decide, YEARS),
    "tracks that a match moves": (execute("INSERT INTO lake_meta VALUES ('due:tracks:2024', 'yes')"), YEARS),
    "a view of the user's": (view, YEARS),
    "goals of the athlete": (lambda rig: rig.lake.goals.write_text("[[athlete]]\nsince = 2026-01-01\nftp = 250\n"), YEARS),
    "nothing published": (lambda rig: rig.lake.snapshot.unlink(), YEARS),
    "a snapshot that is damaged": (damage(lambda rig: rig.lake.snapshot), YEARS),
    "a snapshot that is behind": (execute("UPDATE lake_meta SET value = '99' WHERE key = 'revision'"), YEARS),
}  # fmt: skip
REBUILDS: dict[str, tuple[Change, list[int]]] = {
    "an undo": (undo, YEARS),
    "tables of another version": (execute("UPDATE lake_meta SET value = 'x' WHERE key = 'catalogue'"), YEARS),
    "a warehouse that is lost": (lambda rig: rig.lake.working.unlink(), YEARS),
    "a warehouse that is damaged": (damage(lambda rig: rig.lake.working), YEARS),
    "a warehouse that is half rebuilt": (execute("INSERT INTO lake_meta VALUES ('due:everything', 'yes')"), YEARS),
    "a rebuild that was interrupted": (lambda rig: rig.lake.remade.working.touch(), YEARS),
}


@pytest.mark.dear
@pytest.mark.parametrize("changes", [OF_YEARS, OF_NO_YEAR, REBUILDS], ids=["of years", "of no year", "rebuilds"])
def test_work_that_is_left_is_found_and_compact_does_it(rig: Rig, changes: dict[str, tuple[Change, list[int]]]) -> None:
    begin(rig)
    for what, (change, years) in changes.items():
        change(rig)
        assert found(rig) == years, what
        rig.do("compact", years)
        assert found(rig) == [], what
    elsewhere = rig.settings.model_copy(update={"export_url": SecretStr("postgresql://host/name")})
    run = run_context(elsewhere, LogProgress(logging.getLogger()))
    assert years_to_compact(run, elsewhere, YEARS) == YEARS, "what a database lacks is known there alone"


BEHIND: dict[str, tuple[Change, list[int]]] = {
    "a shard that is lost": (lambda rig: next(rig.lake.shards_of(2025).glob("*.parquet")).unlink(), [2025]),
    "a listing of which there are no shards": (list_alone, [2024]),
    "an import of which there are no shards": (import_unmerged, YEARS),
}


@pytest.mark.dear
def test_years_that_wait_for_their_shards_are_not_called_done(rig: Rig) -> None:
    begin(rig)
    for what, (change, years) in BEHIND.items():
        change(rig)
        assert found(rig) == years, what
        rig.do("flow")
        assert found(rig) == [], what


@pytest.mark.dear
def test_after_a_whole_run_there_is_nothing_to_do_and_looking_changes_nothing(rig: Rig) -> None:
    begin(rig)
    rig.do("flow", [2026])  # whose listing proves something about the past that no year's marks were set from
    before = rig.lake.working.read_bytes()
    assert found(rig) == []
    assert rig.lake.working.read_bytes() == before


@pytest.mark.dear
def test_deletions_that_wait_for_a_person_are_reported_each_time(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(activities=12, years=(2025, 2025))
    begin(rig)
    delete_at_source(rig, 2025, left=2)
    for _ in range(2):
        assert found(rig) == [2025]
        assert rig.do("compact", [2025]).absent.held != []


@pytest.mark.dear
def test_a_day_later_the_running_year_has_come_further(rig: Rig) -> None:
    begin(rig)
    rig.control("clock", advance=86_400)
    rig.do("run", [2022])
    assert found(rig) == [2026]


def test_a_folder_in_which_nothing_was_merged_yet_is_merged_whole(rig: Rig) -> None:
    assert found(rig) == YEARS
    rig.do("run_all")
    assert found(rig) == YEARS
    assert reason_to_rebuild(rig.lake) is None
    with reading(rig.lake):
        pass  # makes an empty warehouse
    assert found(rig) == YEARS
