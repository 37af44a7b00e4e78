"""A change at Strava, from the call into gold: what was read back is the activity's detail and its row, without another call."""

import hashlib
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.changes.records import Change
from strava_pipeline.core.changes.states import ChangeState
from strava_pipeline.core.errors import MisuseError
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.ingest.strava.oauth import SCOPES, WRITES
from strava_pipeline.ingest.strava.writes import connect_writer
from strava_pipeline.lake.bronze.answers import land_athlete
from strava_pipeline.lake.bronze.listing import begin_listing
from strava_pipeline.lake.bronze.manifests import Window
from strava_pipeline.lake.gold.warehouse import reading, writing
from strava_pipeline.lake.imports.merge import merge_files
from strava_pipeline.operations.changes.apply_step import upload_files, writer_of
from strava_pipeline.operations.changes.applying import Applied, apply_at
from strava_pipeline.operations.changes.comparing import find_proposals
from strava_pipeline.operations.importing import land_paths, make_activities
from strava_pipeline.operations.merging import (
    details_merged,
    update_quarantine,
)
from strava_pipeline.operations.progress import LogProgress
from strava_pipeline.operations.reading_files import read_unread_files
from strava_pipeline.operations.run_context import RunContext, run_context
from strava_pipeline.operations.sources import Sources
from strava_pipeline.testing.merging import merge_years
from strava_pipeline_tests.ingest.world import World
from strava_pipeline_tests.providers.subjects import GPX

YEARS = [2024, 2025, 2026]


@pytest.fixture
def pulled(tmp_path: Path) -> Iterator["Pulled"]:
    with World.started(tmp_path) as world:
        yield Pulled(world)


class Pulled:
    """A data folder with all that an emulated Strava lists, and a login that may write."""

    def __init__(self, world: World) -> None:
        self.world, self.runs = world, 0
        world.settings = world.settings.model_copy(update={"first_year": 2024})
        world.log_in((*SCOPES, WRITES))
        run, client = self.run(), world.connect()
        listing = begin_listing(run.lake, Window(mode="all", after=None, before=None), athlete_id=None, at=run.now())
        for page in client.list_pages(None, None, 200):
            listing.land(page.read, page.body, {}, page.fetched_at, run.years)
        athlete = client.get_athlete()
        land_athlete(run.lake, athlete.body, athlete.fetched_at)
        self.merge(run)

    def run(self) -> RunContext:
        self.runs += 1
        name = f"run-{self.runs}"
        return run_context(
            self.world.settings, LogProgress(logging.getLogger(name)), run_id=name, clock=self.world.clock()
        )

    def merge(self, run: RunContext) -> None:
        with writing(run.lake) as connection:
            merge_files(connection, run.lake)
        merge_years(run, YEARS)
        with details_merged(run, YEARS) as (connection, _):
            update_quarantine(run, connection, YEARS)

    def gold(self, query: str) -> list[tuple[Any, ...]]:
        with reading(self.run().lake) as connection:
            return connection.execute(query).fetchall()

    def choose(self, text: str) -> None:
        """Have this providers.toml."""
        path = self.world.settings.data_dir.with_name("providers.toml")
        path.write_text(text)
        self.world.settings = self.world.settings.model_copy(update={"providers_config": path})

    def apply(self, change: Change, *, is_open: bool = False, details: Any = lambda change: {}) -> Applied:
        """What the step of a run does at Strava, and what follows it. `is_open`: a run before may have written it."""
        run = self.run()
        at = run.now()
        states = [ChangeState(change, 1, "approved", at, at, is_open=is_open)]
        settings, clock = self.world.settings, self.world.clock()
        found = apply_at(
            run,
            STRAVA,
            lambda: connect_writer(settings, clock, lambda why, left: None),
            states,
            most=None,
            details=details,
        )
        self.merge(run)
        return found


HISTORY = "SELECT changed_fields FROM activity_history WHERE activity_id = {} ORDER BY version"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "new", "column"), [("update_name", "Renamed", "name"), ("update_gear", None, "gear_id")]
)
def test_what_was_read_back_is_in_gold_and_nothing_else_of_the_activity(
    pulled: Pulled, kind: Any, new: str | None, column: str
) -> None:
    ((key, *was),) = pulled.gold("SELECT id, name, gear_id FROM activities WHERE gear_id IS NOT NULL LIMIT 1")
    old = dict(zip(("name", "gear_id"), was, strict=True))[column]
    ids = {"old_id": old} if kind == "update_gear" else {}
    change = Change(kind=kind, provider=STRAVA, month="2026-03", source_id=str(key), old=old, new=new, **ids)
    calls = pulled.world.calls()["total"]
    report = pulled.apply(change)
    assert (dict(report.results), report.problem) == ({"applied": 1}, "")
    assert pulled.world.calls()["total"] - calls == 3
    assert pulled.gold(f"SELECT {column} FROM activities WHERE id = {key}") == [(new,)]
    assert pulled.gold(HISTORY.format(key)) == [([],), ([column],)]
    assert pulled.gold(f"SELECT count(*), any_value({column}) FROM activity_details WHERE activity_id = {key}") == [
        (1, new)
    ]


@pytest.mark.parametrize("is_lost", [False, True])
def test_an_uploaded_file_is_an_activity_in_gold(pulled: Pulled, tmp_path: Path, is_lost: bool) -> None:
    """`is_lost`: the answer to the upload; the activity is then found in a listing."""
    content = GPX.format("2026-03-01").encode()
    (tmp_path / "file").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    details = {
        "sha256": digest,
        "name": "ride.gpx",
        "external_id": "strava_pipeline_abc",
        "path": str(tmp_path / "file"),
    }
    at = datetime(2026, 3, 1, 6, tzinfo=UTC)
    change = Change(
        kind="upload_activity", provider=STRAVA, month="2026-03", new=digest, effort="7", start=at, details=details
    )
    if is_lost:
        pulled.world.fault("/uploads", "reset", processed=True)
    known = pulled.gold("SELECT count(*) FROM activities")[0][0]
    first = pulled.apply(change)
    again = pulled.apply(change, is_open=True) if is_lost else first
    if is_lost:  # so soon after, Strava is still at work
        assert (dict(again.results), again.left, again.problem) == ({}, 1, "")
        pulled.world.sleep(10)
        again = pulled.apply(change, is_open=True)
    assert dict(again.results) == {"applied": 1}
    assert pulled.gold("SELECT count(*), count(*) FILTER (start_date = '2026-03-01T06:00:00Z') FROM activities") == [
        (known + 1, 1)
    ]
    assert [each["path"] for each in pulled.world.calls()["writes"]] == ["/api/v3/uploads"]
    assert pulled.gold("SELECT max(len(changed_fields)) FROM activity_history") == [(0,)], "the others are as they were"


@pytest.mark.dear
def test_a_file_that_strava_lacks_is_proposed_to_it_and_becomes_one_activity_with_its_upload(
    pulled: Pulled, tmp_path: Path
) -> None:
    (tmp_path / "ride.gpx").write_text(GPX.format("2026-03-01"))
    pulled.choose('[providers.strava]\nwrite = ["name"]\n[changes]\nupload_activities = true\n')
    run = pulled.run()
    land_paths(run, [tmp_path / "ride.gpx"], ImportLimits())
    read_unread_files(run.lake, run.progress, ImportLimits())
    make_activities(run, lambda steps: None)
    pulled.merge(run)
    with reading(run.lake) as connection:
        (change,) = find_proposals(pulled.world.settings, connection, months=["2026-03"], now=run.now()).changes
    assert (change.kind, change.provider, change.old) == ("upload_activity", STRAVA, None)
    with upload_files(run.lake) as details:
        report = pulled.apply(change, details=details)
    assert dict(report.results) == {"applied": 1}
    assert pulled.gold("SELECT source FROM activities WHERE start_date = '2026-03-01T06:00:00Z'") == [(STRAVA,)]
    with reading(run.lake) as connection:
        assert find_proposals(pulled.world.settings, connection, months=["2026-03"], now=run.now()).changes == []


def test_without_the_permission_the_approvals_stand(pulled: Pulled) -> None:
    pulled.world.log_in()
    report = pulled.apply(Change(kind="update_name", provider=STRAVA, month="2026-03", source_id="1", old="a", new="b"))
    assert (dict(report.results), report.left, "auth --write" in report.problem) == ({}, 1, True)


def test_an_emulator_is_asked_nothing_for_the_folder_of_a_real_athlete(pulled: Pulled) -> None:
    run, calls = pulled.run(), pulled.world.calls()["total"]
    begin_listing(
        run.lake, Window(mode="lite", after=None, before=None), athlete_id=7, at=run.now(), host="www.strava.com"
    )
    with pytest.raises(MisuseError, match="must not stand among real ones"):
        writer_of(pulled.world.settings, run, Sources(pulled.world.settings, run), STRAVA)
    assert pulled.world.calls()["total"] == calls
