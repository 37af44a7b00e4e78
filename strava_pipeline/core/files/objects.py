"""Imported activities in the shapes of Strava's API (a SummaryActivity and a DetailedActivity each), and their ids. Pure.

So everything downstream has one kind of input, whatever recorded it. Values without a field in those shapes keep their
own names. An archive's row is authoritative; its file fills in missing values. An activity without a Strava id gets a
hash: plain for the folder's own athlete, so that every machine computes the same; with the athlete included for anybody
else, so that one file of two people becomes two activities.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import Any

from strava_pipeline.core.files.archive_csv import ArchiveRow
from strava_pipeline.core.files.recording import ClockBy, RecordingSummary
from strava_pipeline.core.json_values import without_none
from strava_pipeline.core.rows import Json
from strava_pipeline.core.sources import STRAVA_ARCHIVE, hashed_id
from strava_pipeline.core.sports import VIRTUAL, sport_type
from strava_pipeline.core.start_times import offset_in, utc_text, zone_label
from strava_pipeline.core.tables import ACTIVITIES_ALL, ACTIVITY_DETAILS

_LISTED = {column.source[0] for column in ACTIVITIES_ALL.sourced if column.source}
_DETAIL_ONLY = {column.source[0] for column in ACTIVITY_DETAILS.sourced if column.source} - _LISTED
_LISTS = ("laps", "lengths", "sessions")
_HALF = 2**63


def row_id(row: ArchiveRow) -> int:
    """The id of an archive's row: Strava's, or a hash of its content where the id can't be read."""
    return row.activity_id or hashed_id(STRAVA_ARCHIVE, row_content(row))


def row_content(row: ArchiveRow) -> str:
    """A text that distinguishes a row without a readable id from the other rows of any archive."""
    return repr((row.filename, row.started_at, row.name))


def summary_and_detail(whole: Json) -> tuple[Json, Json | None]:
    """The summary in an object, as a listing would have it, and the whole object if it holds more, else None."""
    summary = {name: value for name, value in whole.items() if name not in _DETAIL_ONLY and name not in _LISTS}
    return summary, whole if whole.keys() - summary.keys() else None


def row_object(row: ArchiveRow, activity_id: int, recordings: Sequence[RecordingSummary], file: Json | None) -> Json:
    """The object of an archive's row, completed from its file. `file` describes that file in `extra`."""
    fields: dict[str, Any] = {"id": activity_id, **row.summary}
    fields.update(_local(row.started_at, recordings, row.sport_type))
    fields["manual"] = row.filename is None and not row.unexported
    if (upload := _upload_id(row.filename)) is not None and upload != activity_id:
        fields |= {"upload_id": upload, "upload_id_str": str(upload)}
    filled = _of_recordings(recordings)
    fields |= {name: value for name, value in filled.items() if fields.get(name) is None}
    archive = {
        "gear_name": row.gear_name,
        "sport_shown": row.sport_shown if row.sport_shown != row.sport_type else None,
        "media": list(row.media) or None,
        "not_exported": row.unexported or None,
        "rounded": sorted(row.from_display) or None,
        "columns": dict(row.extra) or None,
    }
    return _with_objects({**fields, **_lists(recordings)}, archive=without_none(archive), file=file)


def recording_object(recording: RecordingSummary, activity_id: int, file: Json) -> Json:
    """The object of a session in a file that no row names."""
    fields: dict[str, Any] = {"id": activity_id, "manual": False, "external_id": file.get("name")}
    fields.update(_local(recording.started_at, [recording]))
    fields.update(_of_recordings([recording]))
    return _with_objects({**fields, **_lists([recording])}, file=file)


def file_detail(recordings: Sequence[RecordingSummary], activity_id: int, athlete_id: int | None, file: Json) -> Json:
    """The detail from an activity's files, all sessions together. The list that names the files has the rest."""
    fields: dict[str, Any] = {"id": activity_id, "manual": False, "external_id": file.get("name")}
    fields |= {"athlete": {"id": athlete_id}} if athlete_id is not None else {}
    fields |= _local(recordings[0].started_at, recordings) | _of_recordings(recordings)
    return _with_objects({**fields, **_lists(recordings)}, file=file)


def _of_recordings(recordings: Sequence[RecordingSummary]) -> dict[str, Any]:
    """SummaryActivity's fields from all sessions of a file: sums, extremes, and the words of the first session."""
    if not recordings:
        return {}
    first = recordings[0]
    moving, distance = _sum(recordings, "moving_s"), _sum(recordings, "distance_m")
    fields: dict[str, Any] = {
        "name": first.name,
        "description": first.description,
        **_sport(first),
        "start_date": _zulu(first.started_at),
        "distance": distance,
        "moving_time": None if moving is None else round(moving),
        "elapsed_time": None if (elapsed := _sum(recordings, "elapsed_s")) is None else round(elapsed),
        "total_elevation_gain": _sum(recordings, "ascent_m"),
        "calories": _sum(recordings, "calories"),
        "device_name": first.creator,
        "average_speed": round(distance / moving, 3) if distance is not None and moving else None,
    }
    for recording in recordings:
        for name, value in _measured(recording).items():
            earlier = fields.get(name)
            if earlier is None:
                fields[name] = value
            elif name.startswith("max_") or name == "elev_high":
                fields[name] = max(earlier, value)
            elif name == "elev_low":
                fields[name] = min(earlier, value)
            elif name == "end_latlng":
                fields[name] = value
    if len(recordings) > 1:
        fields |= _means(recordings)
    fields["has_heartrate"] = fields.get("average_heartrate") is not None
    return without_none(fields)


def _sport(recording: RecordingSummary) -> dict[str, str | None]:
    """Strava's name of the sport; if Strava has none, the file's own words, which no column holds."""
    named = sport_type(recording.sport, recording.sub_sport)
    return {"sport": recording.sport, "sub_sport": recording.sub_sport} if named is None else {"sport_type": named}


def _means(recordings: Sequence[RecordingSummary]) -> dict[str, Any]:
    """The averages of several sessions, weighted by their durations; None where a duration is missing."""
    means: dict[str, Any] = {}
    for name in _AVERAGES:
        weighted = [(value, each.elapsed_s) for each in recordings if (value := _measured(each).get(name)) is not None]
        weights = [weight for _, weight in weighted if weight]
        whole = len(weights) == len(weighted) and weights
        means[name] = (
            round(sum(value * weight for value, weight in weighted if weight) / sum(weights), 3) if whole else None
        )
    return means


_AVERAGES = ("average_heartrate", "average_cadence", "average_watts", "average_temp")
_DEVICE = {
    "average_heartrate": "avg_heartrate",
    "max_heartrate": "max_heartrate",
    "max_speed": "max_speed",
    "average_cadence": "avg_cadence",
    "average_watts": "avg_watts",
    "max_watts": "max_watts",
    "weighted_average_watts": "normalized_watts",
    "average_temp": "avg_temperature",
    "elev_high": "max_altitude",
    "elev_low": "min_altitude",
}


def _measured(recording: RecordingSummary) -> dict[str, Any]:
    """The values that the device calculated, or else those of the points."""
    device = {name: recording.summary.get(word) for name, word in _DEVICE.items()}
    return recording.track | without_none(device)


def _lists(recordings: Sequence[RecordingSummary]) -> dict[str, Any]:
    found = {
        "laps": [_lap(lap, each, len(recordings)) for each in recordings for lap in each.laps],
        "lengths": [{**length, "session": each.place} for each in recordings for length in each.lengths],
        "sessions": [_session(each) for each in recordings],
    }
    return {name: items for name, items in found.items() if items}


_LAP = {
    "elapsed_time": "elapsed_s",
    "moving_time": "moving_s",
    "distance": "distance_m",
    "total_elevation_gain": "ascent_m",
    "average_heartrate": "avg_heartrate",
    "max_heartrate": "max_heartrate",
    "average_speed": "avg_speed",
    "max_speed": "max_speed",
    "average_cadence": "avg_cadence",
    "average_watts": "avg_watts",
}
_WHOLE = ("elapsed_time", "moving_time")


def _lap(lap: Mapping[str, Any], recording: RecordingSummary, sessions: int) -> dict[str, Any]:
    """A lap by Strava's names. Times are whole seconds, as at Strava; the device's fractions are kept as well."""
    rest = dict(lap)
    began = datetime.fromisoformat(rest.pop("started_at")) if rest.get("started_at") else rest.pop("started_at", None)
    fields: dict[str, Any] = {"start_date": _zulu(began), "start_date_local": _zulu(_shifted(began, recording))}
    for name, word in _LAP.items():
        value = rest.get(word)
        if value is not None and name in _WHOLE:
            fields[name] = round(value)
            if fields[name] == value:
                del rest[word]
        elif value is not None:
            fields[name] = rest.pop(word)
    return without_none(fields | rest | ({"session": recording.place} if sessions > 1 else {}))


def _session(recording: RecordingSummary) -> dict[str, Any]:
    fields = recording.model_dump(exclude={"laps", "lengths", "summary", "track", "started_at"})
    fields |= {"started_at": _zulu(recording.started_at), "sensors": recording.sensors or None}
    return without_none(fields) | recording.summary


def _local(
    started_at: datetime | None, recordings: Sequence[RecordingSummary], sport: str | None = None
) -> dict[str, Any]:
    """The athlete's own clock at the start, if a file has a place or an offset. `sport`: from the row; a virtual one
    has no place.
    """
    is_virtual = (sport or "").startswith(VIRTUAL)
    clocks = (each for each in recordings if each.utc_offset_s is not None)
    clock = next((each for each in clocks if not (is_virtual and each.timezone_by is ClockBy.PLACE)), None)
    if started_at is None or clock is None or clock.utc_offset_s is None:
        return {}
    # a row may begin on another day than its file
    offset = offset_in(clock.timezone, started_at) if clock.timezone else None
    clock = clock if offset is None else clock.model_copy(update={"utc_offset_s": offset})
    return without_none(
        {
            "start_date_local": _zulu(_shifted(started_at, clock)),
            "utc_offset": clock.utc_offset_s,
            "timezone": zone_label(clock.timezone, started_at) if clock.timezone else None,
            "timezone_by": clock.timezone_by,
        }
    )


def _shifted(at: datetime | None, clock: RecordingSummary) -> datetime | None:
    if at is None or clock.utc_offset_s is None:
        return None
    try:
        return at + timedelta(seconds=clock.utc_offset_s)
    except OverflowError:
        return None


def _zulu(at: datetime | None) -> str | None:
    """A moment as Strava writes it, to the second."""
    return None if at is None else utc_text(at)


def _upload_id(filename: str | None) -> int | None:
    """The number in the name of an archive's file: the upload's id, except in files that Strava wrote itself."""
    stem = PurePosixPath(filename or "").name.partition(".")[0]
    return int(stem) if stem.isascii() and stem.isdigit() and int(stem) < _HALF else None


def _sum(recordings: Sequence[RecordingSummary], name: str) -> float | None:
    values = [value for each in recordings if (value := getattr(each, name)) is not None]
    return sum(values) if values else None


def _with_objects(fields: dict[str, Any], **more: Json | None) -> Json:
    return fields | {name: value for name, value in more.items() if value}


Holders = Callable[[str, int], frozenset[int]]


@dataclass(frozen=True, slots=True)
class Identity:
    """The id of a recording, and the athlete who recorded it, or None if unknown."""

    activity_id: int
    athlete_id: int | None


@dataclass(frozen=True, slots=True)
class Numbering:
    """The rules for the ids of one import.

    Args:
        own_athlete: the athlete with plain ids in this folder; None: everybody, as in the imports of older versions.
        held_by: gives the athletes whose activity, with this source and id, earlier imports hold.
    """

    own_athlete: int | None = None
    held_by: Holders = lambda source, activity_id: frozenset()  # as in a folder's first import

    def identify(self, source: str, source_id: str, athlete_id: int | None) -> Identity:
        """The identity of the recording `source_id` of a source; `athlete_id`: who recorded it, if the import says so.

        An id from an earlier import is kept, for this athlete or another one. A recording without an athlete that was
        imported before keeps the athlete of then.
        """
        plain = hashed_id(source, source_id)
        if self.own_athlete is None:
            return Identity(plain, athlete_id)
        holders = self.held_by(source, plain)
        if athlete_id is None:
            return Identity(plain, next(iter(holders)) if len(holders) == 1 else None)
        if athlete_id in holders or (athlete_id == self.own_athlete and not holders):
            return Identity(plain, athlete_id)
        return Identity(hashed_id(source, source_id, athlete_id), athlete_id)


def named_athlete_id(activity: Json) -> int | None:
    """The id of the athlete in an object of the API, if it has one."""
    athlete = activity.get("athlete")
    athlete_id = athlete.get("id") if isinstance(athlete, dict) else None
    return athlete_id if type(athlete_id) is int else None


_DURATION = re.compile(r"(?:(\d+) days?, )?(\d+):(\d{2}):(\d{2})(?:\.\d+)?")
_AS_DATE = re.compile(r"1970-01-(\d{2}) (\d{2}):(\d{2}):(\d{2})(?:\.\d+)?")  # how its database shows a duration
_DAY, _HOUR, _MINUTE = 86400, 3600, 60


def running_page_summary(body: Mapping[str, Any]) -> dict[str, Any]:
    """An item of running_page's activities.json by Strava's names, without nulls.

    Its ids are Strava's, or the start in milliseconds. A value that can't be read stays as it is.
    """
    found = without_none(body)
    if "run_id" in found:
        found = {"id": found.pop("run_id"), **found}
    for name in ("moving_time", "elapsed_time"):
        if isinstance(found.get(name), str):
            found[name] = _seconds(found[name])
    for name in ("start_date", "start_date_local"):
        if isinstance(found.get(name), str):
            found[name] = _instant(found[name])
    if (polyline := found.pop("summary_polyline", None)) is not None:
        found["map"] = {"summary_polyline": polyline}
    named = sport_type(found["type"]) if isinstance(found.get("type"), str) else None
    if named is not None:  # another sport stays in `type`
        found.setdefault("sport_type", named)
    return found


def _seconds(text: str) -> int | str:
    if (parts := _DURATION.fullmatch(text)) is not None:
        days = int(parts[1] or 0)
    elif (parts := _AS_DATE.fullmatch(text)) is not None:
        days = int(parts[1]) - 1
    else:
        return text
    return days * _DAY + int(parts[2]) * _HOUR + int(parts[3]) * _MINUTE + int(parts[4])


def _instant(text: str) -> str:
    """A moment as Strava writes it: in UTC; and local time with the same Z, which is false there."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return text
    if parsed.tzinfo is not None:
        parsed = parsed.astimezone(UTC)
    return f"{parsed:%Y-%m-%dT%H:%M:%S}Z"
