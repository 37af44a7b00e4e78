"""operations.bests: a decision is kept at once, and its answer says whether readers see it."""

import os
from errno import ENOSPC
from pathlib import Path

import pytest

from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.gold.corrections import Edit, own_words, words_of
from strava_pipeline.lake.gold.notes import note, unmark
from strava_pipeline.lake.gold.publish import publish, snapshot
from strava_pipeline.lake.gold.warehouse import REBUILDING, writing
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations import bests
from strava_pipeline.operations.bests import correct, decide_bests, take_back
from strava_pipeline.operations.tracking import measure_what_was_said
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import activity, put

pytestmark = pytest.mark.slow


@pytest.fixture
def lake(tmp_path: Path, new_lake: NewLake) -> Lake:
    return new_lake(tmp_path / "data")


@pytest.fixture
def settings(lake: Lake, tmp_path: Path) -> Settings:
    put(lake, [activity(1, "2024-01-01T08:00", distance=30_000.0), activity(2, "2024-01-02T08:00")])
    publish(lake)
    return Settings.load(_env_file=None, data_dir=lake.data_dir, secrets_dir=tmp_path / "secrets")


def furthest(lake: Lake) -> int:
    with snapshot(lake) as connection:
        ((held_by,),) = connection.execute(
            "SELECT activity_id FROM records WHERE record = 'longest_distance' AND all_time"
        ).fetchall()
    return int(held_by)


@pytest.mark.dear
def test_readers_see_a_decision_at_once(lake: Lake, settings: Settings) -> None:
    assert furthest(lake) == 1
    assert decide_bests(settings, 1, dismissed=True, by="a test")
    assert furthest(lake) == 2
    assert decide_bests(settings, 1, dismissed=True, by="a test"), "they saw it before"
    assert decide_bests(settings, 1, dismissed=False, by="a test")
    assert correct(settings, [2], Edit({"name": "Mine"}), "a test").is_seen
    assert furthest(lake) == 1


@pytest.mark.dear
def test_the_group_that_may_read_may_so_after_a_decision(lake: Lake, settings: Settings) -> None:
    group = next((each for each in os.getgroups() if each != os.getgid()), os.getgid())
    assert decide_bests(settings.model_copy(update={"data_group": str(group)}), 1, dismissed=True, by="a test")
    found = lake.snapshot.parent.stat()
    assert (found.st_gid, found.st_mode & 0o777) == (group, 0o750)


@pytest.mark.dear
def test_a_field_that_was_left_empty_takes_no_word_of_another_activity_back(lake: Lake, settings: Settings) -> None:
    assert correct(settings, [1], Edit({"name": "Mine"}), "a test").is_seen
    assert correct(settings, [2], Edit({"name": "", "note": "late"}), "a test").is_seen
    put(lake, [{"activity_id": 1, "id": key, "place": key, "source": "strava"} for key in (1, 2)], "activity_members")
    publish(lake)
    measure_what_was_said(lake)  # the words are of another activity now
    publish(lake)
    with snapshot(lake) as connection:
        assert own_words(connection, lake, 1) == ({"name": "Mine", "note": "late"}, True)
    assert correct(settings, [1], Edit({"name": "", "note": ""}), "a test").is_seen
    with snapshot(lake) as connection:
        assert own_words(connection, lake, 1) == ({}, True)


@pytest.mark.dear
def test_many_are_corrected_by_one_publish_and_taken_back_but_what_was_said_later(
    lake: Lake, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = []
    monkeypatch.setattr(bests, "publish", lambda *asked, **more: published.append(publish(*asked, **more)))
    correct(settings, [1], Edit({"note": "first", "tags": ["a"]}), "a test")
    done = correct(settings, [1, 2], Edit({"note": "second", "commute": True}, ["b"], ["a"]), "a test")
    assert (len(published), done.is_seen, done.step is not None) == (2, True, True)
    correct(settings, [2], Edit({"note": "third"}, ["c"]), "another")
    with snapshot(lake) as connection:
        both = {"note": "second", "commute": True, "tags": ["b"]}
        assert words_of(connection, lake) == {1: both, 2: {**both, "note": "third", "tags": ["b", "c"]}}
    assert take_back(settings, done.step or "", "a test").is_seen
    assert take_back(settings, done.step or "", "a test").step is None, "again, there is nothing left of it"
    assert correct(settings, [1, 2], Edit({"commute": None}), "a test").step is None, "nothing differs"
    assert len(published) == 4
    with snapshot(lake) as connection:
        assert words_of(connection, lake) == {
            1: {"note": "first", "tags": ["a"]},
            2: {"note": "third", "tags": ["b", "c"]},
        }


@pytest.mark.dear
def test_while_the_warehouse_is_rebuilt_readers_see_it_later(lake: Lake, settings: Settings) -> None:
    with writing(lake) as connection:
        note(connection, REBUILDING)
    assert not decide_bests(settings, 1, dismissed=True, by="a test")
    assert not correct(settings, [2], Edit({"name": "Mine"}), "a test").is_seen
    assert furthest(lake) == 1
    with writing(lake) as connection:
        unmark(connection, REBUILDING)
    publish(lake)
    assert furthest(lake) == 2


def test_a_publish_that_fails_loses_no_decision(
    lake: Lake, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> bool:
        raise OSError(ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("strava_pipeline.operations.bests.publish", full)
        assert not decide_bests(settings, 1, dismissed=True, by="a test")
    publish(lake)
    assert furthest(lake) == 2
