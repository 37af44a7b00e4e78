"""lake.files: what a dead process left half written is swept away, what a live one is writing is not."""

import os
import subprocess
import sys

from strava_pipeline.lake.files import sweep_unfinished, write_whole
from strava_pipeline.lake.paths import Lake


def test_only_the_unfinished_files_of_processes_that_are_no_more_are_swept_away(lake: Lake) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    folder = lake.details_of(2026) / "17"
    write_whole(folder / "20260310T120000000000Z.json.gz", b"whole")
    unfinished = folder / f".20260311T120000000000Z.json.gz.{ended.pid}.tmp"
    unfinished.write_bytes(b"ha")
    kept = [folder / f".20260311T120000000001Z.json.gz.{os.getpid()}.tmp", folder / ".notes.tmp", folder / ".tmp"]
    for path in kept:
        path.write_bytes(b"ha")
    sweep_unfinished(lake.data_dir)
    assert not unfinished.exists()
    assert sorted(folder.iterdir()) == sorted([folder / "20260310T120000000000Z.json.gz", *kept])
