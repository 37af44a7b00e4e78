"""Where activities come from, best first, and which fields a further source fills in.

A new provider is a line here. The row of the best source is the activity's: its name, sport, gear, privacy, counts
and whether it is deleted are the athlete's word, and an empty one stays empty. Where that row lacks what a device
measures, the next source that has it fills it in. No value is corrected: Strava's own distance and climb stay. Which
rows belong to one activity is decided by their ids.
"""

STRAVA = "strava"  # the API
STRAVA_JSON = "strava_json"  # the API's answers, as another tool kept them
STRAVA_ARCHIVE = "strava_archive"  # the bulk export: fewer fields, and rounded in the oldest
RUNNING_PAGE = "running_page"  # that tool's own list, thinned
FILE = "file"  # an activity file of which nobody tells more

SOURCES = [STRAVA, STRAVA_JSON, STRAVA_ARCHIVE, RUNNING_PAGE, FILE]  # a list, as DuckDB takes it

IMPORTED = frozenset({STRAVA_JSON, STRAVA_ARCHIVE, RUNNING_PAGE, FILE})  # what the command `import` brings


_CLOCK = ("start_date", "timezone", "utc_offset")  # archives tell no zone, files a place; the local start follows
_COURSE = ("distance", "moving_time", "elapsed_time", "total_elevation_gain", "elev_high", "elev_low")
_SPEED = ("average_speed", "max_speed")
_BODY = ("average_heartrate", "max_heartrate", "average_cadence")
_POWER = ("average_watts", "weighted_average_watts", "max_watts", "kilojoules", "device_watts")
_AROUND = ("average_temp", "start_latlng", "end_latlng", "polyline", "summary_polyline")
_DEVICE = ("device_name", "external_id")
_SAID = ("name", "sport_type")  # a row that no list tells of has only its file's

FILLED: tuple[str, ...] = (*_CLOCK, *_COURSE, *_SPEED, *_BODY, *_POWER, *_AROUND, *_DEVICE, *_SAID)
"""The columns of `activities` that a further source fills in, in the order of core/sources.py; the others it never does."""
