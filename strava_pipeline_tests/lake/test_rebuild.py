"""lake.rebuild: shards and gold anew from bronze, equal to what they were, wherever it is broken off."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from strava_pipeline.core import tables
from strava_pipeline.core.tables import ACTIVITIES_ALL, TABLES, Column, Kind
from strava_pipeline.lake import rebuild as rebuilding
from strava_pipeline.lake.merge import merge_details, sync_kudos
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.publish import publish, snapshot
from strava_pipeline.lake.rebuild import ensure_current
from strava_pipeline.lake.warehouse import reading, writing
from strava_pipeline_tests.lake.bronze import ALL, DAY, NOW, YEARS, activity, detailed, listed, merge, queried, rows

STEPS = ("mark", "merge_activities", "merge_details", "unmark", "publish")


@pytest.fixture
def published(lake: Lake) -> Lake:
    """A lake with edits, a year that was edited, and details, published."""
    listed(lake, [activity(1), activity(2, "2025-12-31T10:00:00Z"), activity(3, "2021-05-05T06:00:00Z")])
    merge(lake)
    detailed(lake, activity(1, laps=[{}, {}]))
    listed(lake, [activity(1, name="B", kudos_count=9), activity(2, "2026-01-01T10:00:00Z")], at=NOW + DAY)
    merge(lake)
    detailed(lake, activity(3, laps=[{}]), year=2021)
    for year in ALL:
        merge_details(lake, [year])
    with writing(lake) as connection:
        sync_kudos(connection, list(ALL))
    publish(lake)
    return lake


def everything(lake: Lake) -> dict[str, Any]:
    return {name: rows(lake, name, order=", ".join(table.key)) for name, table in TABLES.items()}


def shown(lake: Lake) -> list[dict[str, Any]]:
    with snapshot(lake) as connection:
        return queried(connection, "SELECT id, name FROM activities ORDER BY id")


def ensure(lake: Lake) -> bool:
    return ensure_current(lake, YEARS, tell=lambda why: None)


def lose_the_file(lake: Lake) -> None:
    shutil.rmtree(lake.working.parent)


def lose_the_shards_too(lake: Lake) -> None:
    shutil.rmtree(lake.working.parent)
    shutil.rmtree(lake.shards)


def lose_the_file_and_look(lake: Lake) -> None:
    shutil.rmtree(lake.working.parent)
    with reading(lake):
        pass  # whoever looks makes a new, empty file


def update_the_tables(lake: Lake) -> None:
    with writing(lake) as connection:
        connection.execute("UPDATE lake_meta SET value = 'older' WHERE key = 'catalogue'")
        connection.execute("ALTER TABLE activities_all DROP COLUMN commute")


LOSSES = [lose_the_file, lose_the_shards_too, lose_the_file_and_look, update_the_tables]


@pytest.mark.parametrize("lose", LOSSES)
def test_what_was_lost_is_made_anew_and_equals_what_was_there(published: Lake, lose: Callable[[Lake], None]) -> None:
    before, seen = everything(published), shown(published)
    lose(published)
    assert ensure(published)
    assert everything(published) == before
    assert shown(published) == seen
    assert not ensure(published)


def test_where_nothing_was_lost_nothing_is_done(published: Lake, lake: Lake) -> None:
    assert not ensure(published)
    assert not ensure(Lake(lake.data_dir / "another"))


@pytest.mark.parametrize("step", STEPS)
def test_a_rebuild_that_is_broken_off_goes_on_and_shows_nothing_half(
    published: Lake, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, seen = everything(published), shown(published)
    update_the_tables(published)

    def killed(*args: Any, **named: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(rebuilding, step, killed)
        with pytest.raises(KeyboardInterrupt):
            ensure(published)
    publish(published)  # as a run would that began before
    assert shown(published) == seen
    assert ensure(published) or step == "publish"
    assert everything(published) == before
    assert shown(published) == seen


def test_a_later_version_s_column_is_filled_from_bronze(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    listed(lake, [activity(1, new="said all along")])
    merge(lake)
    publish(lake)
    columns = (*ACTIVITIES_ALL.columns, Column("new", Kind.TEXT, "new", source=("new",)))
    more = replace(ACTIVITIES_ALL, columns=columns)
    monkeypatch.setitem(tables.TABLES, "activities_all", more)
    monkeypatch.setattr("strava_pipeline.core.activities.ACTIVITIES_ALL", more)
    assert ensure(lake)
    with snapshot(lake) as connection:
        assert queried(connection, "SELECT new, extra FROM activities") == [{"new": "said all along", "extra": None}]
