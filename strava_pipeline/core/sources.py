"""The sources of activities, best first, and the fields that a further source fills in.

Here are Strava and imports. A provider's place among them follows from the precedence in its record (core/providers).
The best source's row gives the activity its id and its numbers. If it lacks a measured value, the next source that has
the value fills it in; other empty values are the athlete's choice and stay empty. No value is corrected: Strava's own
distance and climb stay. Name and gear have an order of their own, by priority, which a person may choose. Which rows
belong to one activity is decided by ids.

A source's modules are in its folder of strava_pipeline/ingest, or in a third-party package that declares an entry point
of GROUP. Installed packages are searched only for names that are not ours; a module is imported when it is used.
"""

import hashlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from strava_pipeline.core.errors import PipelineError

STRAVA = "strava"  # the API
STRAVA_JSON = "strava_json"  # the API's answers, as another tool kept them
STRAVA_ARCHIVE = "strava_archive"  # the bulk export: fewer fields, and rounded in the oldest
RUNNING_PAGE = "running_page"  # that tool's own list, thinned
FILE = "file"  # an activity file without a row in any list

SOURCES = [STRAVA, STRAVA_JSON, STRAVA_ARCHIVE, RUNNING_PAGE, FILE]  # a list, since DuckDB wants one

IMPORTED = frozenset({STRAVA_JSON, STRAVA_ARCHIVE, RUNNING_PAGE, FILE})  # the sources of the command `import`
NOWHERE = "http://127.0.0.1:9"  # the Strava of the demo, where no emulator runs


def hashed_id(source: str, source_id: str, athlete_id: int | None = None) -> int:
    """The id of an activity without a Strava number: a negative 63-bit hash of its source and its id there.

    `athlete_id`: hashed too, if the recording is of another athlete than the folder's (see `Numbering`).
    """
    whose = source if athlete_id is None else f"{source} of {athlete_id}"  # no source has a blank in its name
    digest = hashlib.blake2b(f"{whose}:{source_id}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return -(int.from_bytes(digest) % (2**63 - 1) + 1)


def gear_source(source: str, gear_id: str | None) -> str | None:
    """The source that issued `gear_id` in a row of `source`, or None if the row names no gear.

    Strava's ids are Strava's in every source. An archive that lacks them has ids of its own, with a minus.
    """
    if not gear_id:
        return None
    if source == STRAVA_ARCHIVE:
        return STRAVA_ARCHIVE if "-" in gear_id else STRAVA
    return STRAVA if source in (STRAVA_JSON, RUNNING_PAGE, FILE) else source


_CLOCK = ("start_date", "timezone", "utc_offset")  # archives have no zone, files have a place; the local start follows
_COURSE = ("distance", "moving_time", "elapsed_time", "total_elevation_gain", "elev_high", "elev_low")
_SPEED = ("average_speed", "max_speed")
_BODY = ("average_heartrate", "max_heartrate", "average_cadence")
_POWER = ("average_watts", "weighted_average_watts", "max_watts", "kilojoules", "device_watts")
_PLACE = ("location_city", "location_state", "location_country")
_AROUND = ("average_temp", "start_latlng", "end_latlng", "polyline", "summary_polyline", *_PLACE)
_DEVICE = ("device_name", "external_id")
_SPORT = ("sport_type",)  # an activity without a row in a list has only its file's

FILLED: tuple[str, ...] = (*_CLOCK, *_COURSE, *_SPEED, *_BODY, *_POWER, *_AROUND, *_DEVICE, *_SPORT)
"""The columns of `activities` that a further source fills in, in the order of the rows; name and gear have their own."""


GROUP = "strava_pipeline.sources"
OURS = "strava_pipeline.ingest"
"""The folder of our own sources."""


class UnusableSourceError(PipelineError):
    """A source of an installed package can't be used; the message names the package and says what to do."""


@dataclass(frozen=True, slots=True)
class DeclaredSource:
    """A source of an installed package.

    Args:
        name: the source's.
        package: the Python package with its modules.
        distribution: the installed distribution, as pip names it, with its version.
    """

    name: str
    package: str
    distribution: str


def declared_sources() -> dict[str, list[DeclaredSource]]:
    """The declarations of installed packages by source name; more than one if several packages claim the same name."""
    return _declared(tuple(sys.path))


@cache
def _declared(path: tuple[str, ...]) -> dict[str, list[DeclaredSource]]:
    from importlib.metadata import distributions  # a command that needs no such name does without

    found: dict[str, list[DeclaredSource]] = {}
    seen: set[str] = set()
    for each in distributions(path=list(path)):
        entries = each.entry_points.select(group=GROUP)
        if not entries or each.name in seen:  # Python imports the first one on the path
            continue
        seen.add(each.name)
        for entry in entries:
            one = DeclaredSource(entry.name, entry.value, f"{each.name} {each.version}")
            found.setdefault(entry.name, []).append(one)
    return found


def source_names() -> list[str]:
    """The names of the sources that installed packages bring, whether or not their modules can be imported."""
    return sorted(name for name, several in declared_sources().items() if _refusal(name, several) is None)


def refused_sources() -> Iterator[UnusableSourceError]:
    """The errors of installed packages whose source names can't be accepted."""
    refusals = (_refusal(name, several) for name, several in declared_sources().items())
    return (each for each in refusals if each is not None)


def unusable(source: str, why: str) -> UnusableSourceError:
    """The error that the source of an installed package can't be used, with what to do."""
    return UnusableSourceError(
        f"The source {source} of the installed package {declared_sources()[source][0].distribution} can't be used: {why}. "
        "Install a version of that package that works, or uninstall it."
    )


def _refusal(name: str, several: Sequence[DeclaredSource]) -> UnusableSourceError | None:
    if not name.isidentifier() or name != name.lower():
        return unusable(name, "a source's name has small letters, digits and _ only")
    if _is_ours(name):
        return unusable(name, "strava_pipeline itself has one of that name, which is used")
    if len(several) > 1:
        return unusable(name, f"{several[1].distribution} brings one of that name, too")
    return None


def _is_ours(name: str) -> bool:
    return name in SOURCES or (name.isidentifier() and find_spec(f"{OURS}.{name}") is not None)


def import_part(source: str, part: str) -> ModuleType | None:
    """The module `part` of a source, such as its record, or None if no source has that name.

    Raises UnusableSourceError if a third-party package can't be used, ModuleNotFoundError if one of ours lacks the
    module.
    """
    if _is_ours(source):
        return import_module(f"{OURS}.{source}.{part}")
    if not (several := declared_sources().get(source)):
        return None
    if refusal := _refusal(source, several):
        raise refusal
    try:
        return import_module(f"{several[0].package}.{part}")
    except Exception as error:
        module = f"{several[0].package}.{part}"
        raise unusable(source, f"{module} can't be imported ({type(error).__name__}: {error})") from error
