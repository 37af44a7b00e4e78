"""Bronze of the athlete and of gear: every answer as received, a file each, named by when and as which it came."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from strava_pipeline.lake.files import unpacked_json
from strava_pipeline.lake.landed import in_order, land_file, read_name
from strava_pipeline.lake.listings import answer_times
from strava_pipeline.lake.paths import Lake

_GOOD = ".json.gz"
_GONE = ".failed-404.gz"


def land_athlete(lake: Lake, body: bytes, at: datetime) -> None:
    land_file(lake, lake.athlete, _GOOD, body, at)


def land_gear(lake: Lake, gear_id: str, body: bytes, at: datetime, *, gone: bool = False) -> None:
    """Put the answer to `GET /gear/{id}` on disk; `gone`: it was a 404, so that it isn't asked for again each day."""
    land_file(lake, gear_folder(lake, gear_id), _GONE if gone else _GOOD, body, at)


def newest_athlete(lake: Lake) -> tuple[datetime, dict[str, Any]] | None:
    """The athlete as last received."""
    if not lake.athlete.is_dir():
        return None
    at, found = _newest(lake, lake.athlete)
    return (at, found) if at is not None and found is not None else None


def newest_gear(lake: Lake) -> Iterator[tuple[str, datetime, dict[str, Any] | None]]:
    """(id, when, object) of every gear as last received; None: Strava no longer shows it."""
    if not lake.gear.is_dir():
        return
    for folder in sorted(path for path in lake.gear.iterdir() if path.is_dir()):
        at, found = _newest(lake, folder)
        if at is not None:
            yield folder.name, at, found


def _newest(lake: Lake, folder: Path) -> tuple[datetime | None, dict[str, Any] | None]:
    """When the newest whole answer came, and its object (None: it was a 404). Damaged files are passed over."""
    times = answer_times(lake)
    found: list[tuple[datetime, int | None, Path]] = []
    for path in folder.iterdir():
        try:
            at, number = read_name(path.name.removesuffix(_GONE).removesuffix(_GOOD))
        except ValueError:  # no name of ours
            continue
        found.append((times.of_answer(at, number), number, path))
    for at, _, path in sorted(found, key=lambda one: in_order(one[:2]), reverse=True):
        try:
            if path.name.endswith(_GONE):
                return at, None
            said = unpacked_json(path)
        except (OSError, ValueError):  # damaged
            continue
        if isinstance(said, dict):
            return at, said
    return None, None


def gear_folder(lake: Lake, gear_id: str) -> Path:
    """Where the answers about one piece of gear lie. ValueError where the id can't be a folder's name."""
    if not gear_id.isalnum():
        raise ValueError("a gear id has letters and digits only")  # it becomes a folder's name
    return lake.gear / gear_id
