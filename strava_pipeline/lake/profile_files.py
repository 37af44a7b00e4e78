"""Bronze of the athlete and of gear: every answer as received, a file each, named by when and as which it came."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.rows import Json
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


def land_provider_gear(lake: Lake, source: str, body: bytes, at: datetime) -> None:
    """Put a provider's answer about gear on disk."""
    land_file(lake, lake.gear_of(source), _GOOD, body, at)


def last_gear_answer(lake: Lake, source: str) -> datetime | None:
    """When the newest answer of a provider about gear came (UTC); None: none ever did."""
    return max((at for at, _, _ in _answers(lake, lake.gear_of(source))), default=None)


def provider_gear(lake: Lake) -> Iterator[tuple[str, str, datetime, Json]]:
    """(source, id, when, fields) of every piece of gear that a provider beside Strava ever showed, as last received."""
    for source in lake.listed_sources[1:]:
        newest: dict[str, tuple[datetime, Json]] = {}
        for at, _, path in sorted(_answers(lake, lake.gear_of(source)), key=lambda one: in_order(one[:2])):
            try:
                content = unpacked_json(path)
            except (OSError, ValueError):  # damaged
                continue
            newest |= {gear_id: (at, fields) for gear_id, fields in spec_of(source).read_gear(content)}
        for gear_id, (at, fields) in sorted(newest.items()):
            yield source, gear_id, at, fields


def _newest(lake: Lake, folder: Path) -> tuple[datetime | None, dict[str, Any] | None]:
    """When the newest whole answer came, and its object (None: it was a 404). Damaged files are passed over."""
    for at, _, path in sorted(_answers(lake, folder), key=lambda one: in_order(one[:2]), reverse=True):
        try:
            if path.name.endswith(_GONE):
                return at, None
            said = unpacked_json(path)
        except (OSError, ValueError):  # damaged
            continue
        if isinstance(said, dict):
            return at, said
    return None, None


def _answers(lake: Lake, folder: Path) -> Iterator[tuple[datetime, int | None, Path]]:
    """When each answer in a folder is believed to have come, its number, and its file."""
    times = answer_times(lake)
    for path in folder.iterdir() if folder.is_dir() else ():
        try:
            at, number = read_name(path.name.removesuffix(_GONE).removesuffix(_GOOD))
        except ValueError:  # no name of ours
            continue
        yield times.of_answer(at, number), number, path


def gear_folder(lake: Lake, gear_id: str) -> Path:
    """Where the answers about one piece of gear lie. ValueError where the id can't be a folder's name."""
    if not gear_id.isalnum():
        raise ValueError("a gear id has letters and digits only")  # it becomes a folder's name
    return lake.gear / gear_id
