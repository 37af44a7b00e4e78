"""kill -9 at any durable step of a correction: no word that was ever confirmed is lost, and the one that was killed is whole or not there."""

import random
from collections import Counter
from pathlib import Path

import pytest

from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.gold.corrections import words_of
from strava_pipeline.lake.gold.measured import note_unmeasured
from strava_pipeline.lake.gold.publish import publish, snapshot
from strava_pipeline.lake.gold.warehouse import writing
from strava_pipeline.lake.made.tracks import write_track
from strava_pipeline.operations.tracking import measure_what_was_said
from strava_pipeline_tests.core.test_cuts import track
from strava_pipeline_tests.e2e.mortals import choose, mortals
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import ME, activity, put

DEATHS = 200


@pytest.mark.soak(part="damage")
def test_no_word_is_lost_by_a_kill(tmp_path: Path, new_lake: NewLake) -> None:
    lake, chance, met = new_lake(tmp_path / "data"), random.Random(1), Counter[str]()
    put(lake, [activity(1, "2024-05-01T10:00", sport_type="Run")])
    points = track(3600).drop("activity_id", "athlete_id", "source", "part", "point")
    write_track(lake, 2024, 1, ME, "file", [points], "file:1")
    publish(lake)
    with writing(lake) as connection:
        note_unmeasured(connection, [1])
    measure_what_was_said(lake)
    publish(lake)
    settings = Settings(
        _env_file=None, data_dir=lake.data_dir, logs_dir=tmp_path / "logs", secrets_dir=tmp_path / "secrets"
    )
    died = 0
    with mortals(settings, tmp_path) as living:
        whole = [
            living.run("corrections", "set", "1", "--name", "Whole", in_memory=True),
            living.run("corrections", "cut", "1", "--to", "0:01", in_memory=True),
        ]
        assert [life.code for life in whole] == [0, 0], [life.said for life in whole]
        with snapshot(lake) as connection:
            held = words_of(connection, lake)[1]
        for number in range(DEATHS):
            of = number % 2
            (step,) = choose(whole[of], chance, 1, met, dagster=False)
            name, cuts = f"name {number}", len(held.get("cuts", []))
            of_cuts = ("cut", "1", "--to", "0:02") if cuts < 3 else ("undo", "1", "--field", "cuts")
            argv = of_cuts if of else ("set", "1", "--name", name)
            life = living.run("corrections", *argv, dying=step, in_memory=True)
            assert "Traceback" not in life.said, f"died at {step}: {life.said}"
            died += life.code == -9
            with snapshot(lake) as connection:
                found = words_of(connection, lake)[1]
            said = (found["name"], len(found.get("cuts", [])))
            wanted = (held["name"], (cuts + 1) % 4) if of else (name, cuts)
            # what a killed life said is not measured yet, so that the same cut may be said once more
            unchanged = life.code == -9 or "nothing would change" in life.said
            assert said in [wanted, *([(held["name"], cuts)] if unchanged else [])], f"died at {step}: {life.said}"
            held = found
        assert living.run("corrections", "set", "1", "--note", "last", in_memory=True).code == 0
    assert died >= DEATHS * 8 // 10, "a step that a life did not come to kills nobody"
    with snapshot(lake) as connection:
        shown = connection.execute("SELECT name, distance FROM activities").fetchall()
        left = connection.execute("SELECT distance FROM cut_values").fetchall()
    assert shown == [(held["name"], left[0][0] if left else 20_000.0)]
