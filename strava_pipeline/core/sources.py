"""Where activities come from, best first, and which fields a further source fills in.

Here are Strava and what is imported. Where a provider's row stands among theirs follows from the precedence in its record
(core/providers). The row of the best source is the activity's: its id and its numbers. Where it lacks what a device measures,
the next source that has it fills it in; its other empty values are the athlete's word and stay empty. No value is corrected:
Strava's own distance and climb stay. Name and gear have an order of their own, by priority, which a person may choose. Which
rows belong to one activity is decided by their ids.
"""

import hashlib

STRAVA = "strava"  # the API
STRAVA_JSON = "strava_json"  # the API's answers, as another tool kept them
STRAVA_ARCHIVE = "strava_archive"  # the bulk export: fewer fields, and rounded in the oldest
RUNNING_PAGE = "running_page"  # that tool's own list, thinned
FILE = "file"  # an activity file without a row in any list

SOURCES = [STRAVA, STRAVA_JSON, STRAVA_ARCHIVE, RUNNING_PAGE, FILE]  # a list, since DuckDB wants one

IMPORTED = frozenset({STRAVA_JSON, STRAVA_ARCHIVE, RUNNING_PAGE, FILE})  # the sources of the command `import`
NOWHERE = "http://127.0.0.1:9"  # the Strava of the demo, where no emulator runs


def hashed_id(source: str, source_id: str, athlete_id: int | None = None) -> int:
    """The id of an activity that Strava has not numbered: a negative 63-bit hash of its source and its id there.

    `athlete_id`: hashed too, where the recording is of another athlete than the folder's (see `Numbering`).
    """
    whose = source if athlete_id is None else f"{source} of {athlete_id}"  # no source has a blank in its name
    digest = hashlib.blake2b(f"{whose}:{source_id}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return -(int.from_bytes(digest) % (2**63 - 1) + 1)


def gear_source(source: str, gear_id: str | None) -> str | None:
    """Whose id `gear_id` is, in a row of `source`; None: the row names no gear.

    Strava's ids are Strava's wherever they stand. An archive that does not tell them has ids of its own, with a minus.
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
_AROUND = ("average_temp", "start_latlng", "end_latlng", "polyline", "summary_polyline")
_DEVICE = ("device_name", "external_id")
_SPORT = ("sport_type",)  # an activity without a row in a list has only its file's

FILLED: tuple[str, ...] = (*_CLOCK, *_COURSE, *_SPEED, *_BODY, *_POWER, *_AROUND, *_DEVICE, *_SPORT)
"""The columns of `activities` that a further source fills in, in the order of the rows; name and gear have their own."""
