"""Days and nights that imports brought: Garmin's export and Apple Health's records, read anew when an import comes or goes."""

import json
import logging
from collections.abc import Iterator
from datetime import date

from strava_pipeline.core.files.apple_days import KEY, is_apple_days, read_days
from strava_pipeline.core.files.garmin_days import days_reader
from strava_pipeline.core.wellness import DAY, EXPORTS, DayClock, Found, believed, merged
from strava_pipeline.lake.files import DamagedFileError
from strava_pipeline.lake.imports.files import stored_bytes
from strava_pipeline.lake.imports.manifests import Import, imports, names_role
from strava_pipeline.lake.paths import Lake

log = logging.getLogger(__name__)

_GARMIN, _APPLE = EXPORTS
_EARLIER = f"{_APPLE}, as earlier versions kept it"  # without zones, and with records that stood twice
_FIRST = "1990-01-01"
_UNREADABLE = (
    OSError,
    DamagedFileError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
Values = dict[tuple[str, str], dict[str, float]]
"""By source and local day the numbers that are believed."""


def imports_with_days(lake: Lake) -> list[Import]:
    """The imports that count and have days, in order of arrival."""
    if not names_role(lake, "wellness"):
        return []
    return [one for one in imports(lake) if any(file.role == "wellness" for file in one.manifest.files)]


def days_of_imports(lake: Lake, clock: DayClock) -> Values:
    """The numbers of each day. Of two exports the one that reaches further counts, whichever came first."""
    read = sorted((_read(lake, one, clock) for one in imports_with_days(lake)), key=_last_days)
    found: Values = {}
    for of_import in read:
        for key, numbers in of_import.items():
            found[key] = found.get(key, {}) | numbers
    known = {day: numbers.keys() for (source, day), numbers in found.items() if source == _APPLE}
    for day in [day for source, day in found if source == _EARLIER]:  # another clock may have cut it a day off
        near = {name for step in (-1, 0, 1) for name in known.get(str(date.fromisoformat(day) + step * DAY), ())}
        numbers = {name: value for name, value in found.pop((_EARLIER, day)).items() if name not in near}
        found[_APPLE, day] = numbers | found.get((_APPLE, day), {})
    return found


def _last_days(values: Values) -> str:
    return max((day for _, day in values), default="")


def _read(lake: Lake, one: Import, clock: DayClock) -> Values:
    found: Values = {}
    for file in sorted(one.manifest.files, key=lambda each: each.name):
        if file.role == "wellness":
            try:
                content = json.loads(stored_bytes(lake, file.sha256))
                source, days = _GARMIN, [*_days(file.name, content, clock)]
            except _UNREADABLE:
                log.warning("A file with days of the import %s can't be read; it is passed over.", one.name)
                continue
            if is_apple_days(content):
                source = _APPLE if "origins" in content[KEY] else _EARLIER
            for day, numbers in days:
                if _is_day(day, one.manifest.received_at.date() + DAY):
                    found[source, day] = merged(found.get((source, day), {}), believed(numbers))
    return found


def _is_day(text: str, last: date) -> bool:
    """Whether it is a day that a device could know of when the import came."""
    try:
        return date.fromisoformat(text).isoformat() == text and _FIRST <= text <= last.isoformat()
    except ValueError:
        return False


def _days(name: str, content: object, clock: DayClock) -> Iterator[Found]:
    read = days_reader(name)
    return read(content) if read is not None else read_days(content, clock)
