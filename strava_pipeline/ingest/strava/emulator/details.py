"""DetailedActivity of a generated activity: laps, splits and efforts, besides the fields of the summary.

Drawn from the activity's own seed, like the summary, so that a detail is the same every time.
"""

from random import Random

from strava_pipeline.emulator.generate.activities import Activity, description_of, device_of
from strava_pipeline.emulator.generate.places import BEST_EFFORTS, Effort, Segment, segments, utc_offset
from strava_pipeline.emulator.generate.recordings import (
    KILOMETRE,
    MILE,
    Piece,
    cut_into_pieces,
    track_points,
)
from strava_pipeline.emulator.service import Json
from strava_pipeline.ingest.strava.emulator.summaries import encode_polyline, stamp, summary_of

EFFORT_IDS = 2_600_000_000_000_000_000  # real effort ids of 2020 to 2025 lie between 2.69e18 and 3.4e18
PHOTO = "https://example.invalid/photos/{unique}-{size}.jpg"
VISIBLE_STATS = ("heart_rate", "pace", "power", "speed", "calories")


def detail_of(seed: int, athlete_id: int, activity: Activity, gear: Json | None) -> Json:
    """DetailedActivity with all efforts, its fields in Strava's order; `gear` is the SummaryGear of its gear_id."""
    summary = summary_of(seed, athlete_id, activity)
    rng = Random(f"{seed}:{activity.id}:detail")
    offset = utc_offset(activity.place.zone, activity.start)
    document = summary | {"resource_state": 3, "map": _map(seed, activity, summary)}
    document["description"] = description_of(rng)
    document["calories"] = _calories(activity, summary)
    document["perceived_exertion"] = float(rng.randint(2, 9)) if rng.random() < 0.1 else None
    document["prefer_perceived_exertion"] = None
    document["segment_efforts"] = [
        _segment_effort(activity, summary, offset, number, effort, rng)
        for number, effort in enumerate(activity.efforts)
    ]
    if activity.sport.moves and not activity.manual and activity.sport.name != "Swim":
        document["splits_metric"] = splits(activity, KILOMETRE, rng)
        document["splits_standard"] = splits(activity, MILE, rng)
    if not activity.manual:
        document["laps"] = laps(activity, summary, offset, rng)
    if activity.best:
        document["best_efforts"] = [_best_effort(activity, summary, offset, effort) for effort in activity.best]
    if gear is not None:
        document["gear"] = gear
    document["photos"] = _photos(summary["total_photo_count"], rng)
    document["stats_visibility"] = [{"type": kind, "visibility": "everyone"} for kind in VISIBLE_STATS]
    document["hide_from_home"] = activity.commute and rng.random() < 0.4
    if (device := device_of(activity)) is not None:
        document["device_name"] = device
    document["embed_token"] = f"{rng.getrandbits(160):040x}"
    document["available_zones"] = _available_zones(activity)
    return document


def _map(seed: int, activity: Activity, summary: Json) -> Json:
    return {
        "id": summary["map"]["id"],
        "polyline": encode_polyline(track_points(seed, activity)),
        "resource_state": 3,
        "summary_polyline": summary["map"]["summary_polyline"],
    }


def _calories(activity: Activity, summary: Json) -> float:
    if "kilojoules" in summary:
        return round(float(summary["kilojoules"]) * 1.08, 1)  # gross efficiency near 22 %, and 4.184 kJ a kcal
    if activity.sport.kind in ("Run", "Walk", "Hike"):
        return round(activity.distance / 1000 * 66, 1)  # about 1 kcal a kilogram and kilometre
    return round(activity.moving / 60 * 5.5, 1)


def _effort(activity: Activity, summary: Json, offset: int, effort: Effort, identity: int, name: str) -> Json:
    """The fields that efforts on segments and over distances share."""
    begins = activity.start + effort.offset
    return {
        "id": identity,
        "resource_state": 2,
        "name": name,
        "activity": {"id": activity.id, "visibility": summary["visibility"], "resource_state": 1},
        "athlete": summary["athlete"],
        "elapsed_time": effort.seconds,
        "moving_time": effort.seconds,
        "start_date": stamp(begins),
        "start_date_local": stamp(begins + offset),
    }


def _segment_effort(activity: Activity, summary: Json, offset: int, number: int, effort: Effort, rng: Random) -> Json:
    segment = segments(activity.place, activity.sport.segments or "Ride")[effort.index]
    identity = EFFORT_IDS + activity.id * 10_000_000 + number * 97_003
    document = _effort(activity, summary, offset, effort, identity, segment.name)
    document |= {
        "distance": segment.distance,
        "start_index": effort.offset,
        "end_index": effort.offset + effort.seconds,
    }
    if "average_cadence" in summary:
        document["average_cadence"] = round(summary["average_cadence"] + rng.uniform(-3, 3), 1)
    document["device_watts"] = activity.power_meter
    if "average_watts" in summary:
        document["average_watts"] = round(summary["average_watts"] * rng.uniform(0.9, 1.4), 1)
    if activity.heartrate is not None:
        document["average_heartrate"] = round(activity.heartrate + rng.uniform(-4, 9), 1)
        document["max_heartrate"] = float(summary["max_heartrate"])
    return document | {
        "segment": _summary_segment(segment),
        "pr_rank": effort.rank or None,
        "achievements": _achievements(effort),
        "visibility": summary["visibility"],
        "kom_rank": None,
        "hidden": number >= 2 and rng.random() < 0.3,
    }


def _summary_segment(segment: Segment) -> Json:
    return {
        "id": segment.id,
        "resource_state": 2,
        "name": segment.name,
        "activity_type": segment.kind,
        "distance": segment.distance,
        "average_grade": segment.grade,
        "maximum_grade": segment.steepest,
        "elevation_high": segment.high,
        "elevation_low": segment.low,
        "start_latlng": list(segment.start),
        "end_latlng": list(segment.end),
        "elevation_profile": None,
        "elevation_profiles": None,
        "climb_category": 1 if segment.high - segment.low > 150 else 0,
        "city": segment.place.city,
        "state": segment.place.state,
        "country": segment.place.country,
        "private": False,
        "hazardous": False,
        "starred": segment.starred,
    }


def _best_effort(activity: Activity, summary: Json, offset: int, effort: Effort) -> Json:
    name, metres = BEST_EFFORTS[effort.index]
    document = _effort(activity, summary, offset, effort, activity.id * 1000 + 500 + effort.index, name)
    return document | {
        "distance": metres,
        "pr_rank": effort.rank or None,
        "achievements": _achievements(effort),
        "start_index": effort.offset,
        "end_index": effort.offset + effort.seconds,
    }


def _achievements(effort: Effort) -> list[Json]:
    return [{"type_id": 3, "type": "pr", "rank": effort.rank}] if effort.rank else []


def _photos(count: int, rng: Random) -> Json:
    if not count:
        return {"primary": None, "count": 0}
    digits = f"{rng.getrandbits(128):032X}"
    unique = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    urls = {size: PHOTO.format(unique=unique, size=size) for size in ("600", "100")}
    primary = {"unique_id": unique, "urls": urls, "source": 1, "media_type": 1}
    return {"primary": primary, "use_primary_photo": True, "count": count}


def _available_zones(activity: Activity) -> list[str]:
    zones = []
    if activity.heartrate is not None:
        zones.append("heartrate")
    if activity.sport.kind == "Run" and not activity.manual:
        zones.append("pace")
    if activity.power_meter:
        zones.append("power")
    return zones


def splits(activity: Activity, unit: float, rng: Random) -> list[Json]:
    """splits_metric or splits_standard, by the `unit` in metres."""
    found: list[Json] = []
    for number, piece in enumerate(cut_into_pieces(activity, unit, rng), start=1):
        speed = _speed(piece)
        split: Json = {
            "distance": piece.distance,
            "elapsed_time": piece.elapsed,
            "elevation_difference": round(rng.uniform(-1, 1) * activity.place.hills, 1) if activity.mapped else None,
            "moving_time": piece.moving,
            "split": number,
            "average_speed": round(speed, 2),
        }
        if activity.sport.kind == "Run":
            split["average_grade_adjusted_speed"] = round(speed * rng.uniform(0.99, 1.04), 2)
        if activity.heartrate is not None:
            split["average_heartrate"] = activity.heartrate + rng.uniform(-7, 7)
        split["pace_zone"] = 0
        found.append(split)
    return found


def laps(activity: Activity, summary: Json, offset: int, rng: Random) -> list[Json]:
    """One lap, or a watch's automatic laps: every kilometre of a run, every ten kilometres of a ride."""
    unit = activity.distance + 1.0
    if activity.sport.kind == "Run" and activity.share >= 0.2:
        unit = KILOMETRE
    elif activity.sport.kind == "Ride" and not activity.commute and activity.share >= 0.4:
        unit = 10 * KILOMETRE
    return [
        _lap(activity, summary, offset, number, piece, rng)
        for number, piece in enumerate(cut_into_pieces(activity, unit, rng), start=1)
    ]


def _lap(activity: Activity, summary: Json, offset: int, number: int, piece: Piece, rng: Random) -> Json:
    begins = activity.start + piece.begins
    speed = _speed(piece)
    lap: Json = {
        "id": activity.id * 1000 + number,
        "resource_state": 2,
        "name": f"Lap {number}",
        "activity": {"id": activity.id, "visibility": summary["visibility"], "resource_state": 1},
        "athlete": summary["athlete"],
        "elapsed_time": piece.elapsed,
        "moving_time": piece.moving,
        "start_date": stamp(begins),
        "start_date_local": stamp(begins + offset),
        "distance": piece.distance,
        "average_speed": round(speed, 2),
        "max_speed": round(min(summary["max_speed"], speed * 1.6), 3),
        "lap_index": number,
        "split": number,
        "start_index": piece.begins,
        "end_index": piece.begins + piece.elapsed,
        "total_elevation_gain": round(activity.gain * piece.distance / activity.distance, 1) if activity.gain else 0,
    }
    if "average_cadence" in summary:
        lap["average_cadence"] = round(summary["average_cadence"] + rng.uniform(-2, 2), 1)
    lap["device_watts"] = activity.power_meter
    if activity.power_meter:
        lap["average_watts"] = round(summary["average_watts"] * rng.uniform(0.9, 1.1), 1)
    if activity.heartrate is not None:
        lap["average_heartrate"] = round(activity.heartrate + rng.uniform(-5, 5), 1)
        lap["max_heartrate"] = min(summary["max_heartrate"], float(round(activity.heartrate + 8)))
    if activity.sport.kind == "Run":
        lap["pace_zone"] = 0
    return lap


def _speed(piece: Piece) -> float:
    return piece.distance / piece.moving if piece.moving else 0.0
