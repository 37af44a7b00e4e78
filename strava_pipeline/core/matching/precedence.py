"""Which source tells which field of an activity that came from several. Nothing else.

The row of the best source (core/sources.py) is the activity's: its name, sport, gear, privacy, counts and whether it is
gone are the athlete's word, and what it leaves empty of these is empty. Where it tells nothing of what a device measures,
the next source that does fills that in. What is there is never corrected: Strava's own distance and climb stay.
"""

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
