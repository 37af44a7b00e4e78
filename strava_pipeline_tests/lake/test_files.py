"""lake.files: what a dead process left half written is swept away, what a live one is writing is not."""

import subprocess
import sys
from threading import Thread

import pytest

from strava_pipeline.lake.files import has_no_holder, held, sweep_unfinished, write_whole
from strava_pipeline.lake.paths import Lake

HALF = """
import os, sys
from pathlib import Path
from strava_pipeline.lake.files import held
with held(Path(sys.argv[1])) as file:
    file.write(b"ha")
    file.flush()
    os.kill(os.getpid(), 9)
"""


@pytest.mark.slow
def test_only_the_unfinished_files_of_processes_that_are_no_more_are_swept_away(lake: Lake) -> None:
    folder = lake.details_of(2026) / "17"
    write_whole(folder / "20260310T120000000000Z.json.gz", b"whole")
    unfinished = folder / ".20260311T120000000000Z.json.gz.01234567.tmp"
    subprocess.run([sys.executable, "-c", HALF, unfinished], check=False)
    assert unfinished.read_bytes() == b"ha"
    others = [folder / ".notes.tmp", folder / ".tmp"]
    for path in others:
        path.write_bytes(b"ha")
    with held(folder / ".20260311T120000000001Z.json.gz.89abcdef.tmp") as file:
        sweep_unfinished(lake.data_dir)
        assert not unfinished.exists()
        expected = [folder / "20260310T120000000000Z.json.gz", *others, folder / file.name]
        assert sorted(folder.iterdir()) == sorted(expected)


def test_a_file_cleared_away_while_it_is_being_taken_is_made_anew(lake: Lake) -> None:
    path = lake.state / "runs" / "r1.lock"
    taken: list[bool] = []

    def take() -> None:
        with held(path):
            taken.append(path.exists() and not has_no_holder(path))

    with held(path):  # as has_no_holder does between its two steps
        waiting = Thread(target=take)
        waiting.start()
        waiting.join(0.2)
        assert not taken
        path.unlink()
    waiting.join()
    assert taken == [True]
