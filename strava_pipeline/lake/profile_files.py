"""Bronze of the athlete and of gear: every answer as received, a file each, named by when it came."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from strava_pipeline.lake.files import from_stamp, packed, stamp, unpacked_json, write_whole
from strava_pipeline.lake.paths import Lake

_GOOD = ".json.gz"
_GONE = ".failed-404.gz"


def land_athlete(lake: Lake, body: bytes, at: datetime) -> None:
    write_whole(lake.athlete / f"{stamp(at)}{_GOOD}", packed(body, at))


def land_gear(lake: Lake, gear_id: str, body: bytes, at: datetime, *, gone: bool = False) -> None:
    """Put the answer to `GET /gear/{id}` on disk; `gone`: it was a 404, so that it isn't asked for again each day."""
    write_whole(_gear_folder(lake, gear_id) / f"{stamp(at)}{_GONE if gone else _GOOD}", packed(body, at))


def newest_athlete(lake: Lake) -> tuple[datetime, dict[str, Any]] | None:
    """The athlete as last received."""
    if not lake.athlete.is_dir():
        return None
    at, found = _newest(lake.athlete)
    return (at, found) if at is not None and found is not None else None


def newest_gear(lake: Lake) -> Iterator[tuple[str, datetime, dict[str, Any] | None]]:
    """(id, when, object) of every gear as last received; None: Strava no longer shows it."""
    if not lake.gear.is_dir():
        return
    for folder in sorted(path for path in lake.gear.iterdir() if path.is_dir()):
        at, found = _newest(folder)
        if at is not None:
            yield folder.name, at, found


def _newest(folder: Path) -> tuple[datetime | None, dict[str, Any] | None]:
    """When the newest whole answer came, and its object (None: it was a 404). Damaged files are passed over."""
    for path in sorted(folder.iterdir(), reverse=True):
        try:
            if path.name.endswith(_GONE):
                return from_stamp(path.name.removesuffix(_GONE)), None
            found = unpacked_json(path)
            if isinstance(found, dict):
                return from_stamp(path.name.removesuffix(_GOOD)), found
        except (OSError, ValueError):  # damaged, or no name of ours
            continue
    return None, None


def _gear_folder(lake: Lake, gear_id: str) -> Path:
    if not gear_id.isalnum():
        raise ValueError("a gear id has letters and digits only")  # it becomes a folder's name
    return lake.gear / gear_id
