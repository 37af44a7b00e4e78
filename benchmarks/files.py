"""Activity files on one core: stored, read, and stored again, beside a floor that only decodes the same files.

The files are gzipped FIT of an hour each with a point a second, written before anything is measured. Stages have the shape of
product.py's and return the number of files. No printing.
"""

import gzip
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.place import Place
from benchmarks.product import Work

STAGES = {"land": "stored", "read": "read", "again": "stored again"}
_POINTS = 3_600
_FIRST_START = 1_750_000_000  # epoch seconds
_RECEIVED = datetime(2026, 6, 30, tzinfo=UTC)


def prepare(folder: Path, files: int) -> None:
    """Write the files to a folder."""
    from strava_pipeline.emulator.generate.fit_writing import fit_file

    _source(folder).mkdir(parents=True)
    seconds = range(_POINTS)
    streams: dict[str, list[Any]] = {
        "time": list(seconds),
        "distance": [second * 7.5 for second in seconds],
        "latlng": [[47.5 + second * 1e-5, 11.5 + second * 2e-5] for second in seconds],
        "altitude": [500 + second % 100 for second in seconds],
        "heartrate": [130 + second % 40 for second in seconds],
    }
    ride = {"elapsed_time": _POINTS, "moving_time": _POINTS, "distance": 27_000.0, "type": "Ride", "sport_type": "Ride"}
    for number in range(files):
        body = fit_file(_FIRST_START + number * 86_400, ride, streams)
        (_source(folder) / f"{number}.fit.gz").write_bytes(gzip.compress(body, mtime=0))


def floor(place: Place) -> Work:
    """fitdecode with its defaults: every message of every file, nothing stored."""
    import fitdecode

    def work() -> int:
        files = sorted(_source(place.folder).iterdir())
        for path in files:
            with fitdecode.FitReader(io.BytesIO(gzip.decompress(path.read_bytes()))) as reader:
                for _ in reader:
                    pass
        return len(files)

    return work


def land(place: Place) -> Work:
    """Store the members of a container in bronze, by their hash."""
    from strava_pipeline.ingest.archive.container import open_container
    from strava_pipeline.ingest.archive.contents import contents
    from strava_pipeline.lake.imports.files import FileStore

    def work() -> int:
        store = FileStore(place.lake)
        with open_container(_source(place.folder)) as container:
            entries = contents(container).entries
            for _, entry in entries:
                store.put(entry.read())
        store.sync()
        return len(entries)

    return work


again = land


def read(place: Place) -> Work:
    """Decode the stored files and write what they hold."""
    from strava_pipeline.operations.reading_files import UnreadFile, read_one

    def work() -> int:
        stored = [path for path in place.lake.files.rglob("*") if path.is_file()]
        for path in stored:
            read_one(place.lake, UnreadFile(path.name, "ride.fit.gz", _RECEIVED, path.stat().st_size))
        return len(stored)

    return work


def _source(folder: Path) -> Path:
    return folder / "files"
