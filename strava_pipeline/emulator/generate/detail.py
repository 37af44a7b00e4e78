"""DetailedActivity from a sketch: the summary, and everything that only a detail request shows, in Strava's order.

Like the summary it is drawn from the activity's own seed; splits and laps are cut in pieces.py.
"""

from random import Random

from strava_pipeline.emulator.generate.efforts import BEST_EFFORTS, Effort, segments
from strava_pipeline.emulator.generate.names import description_of, device_of
from strava_pipeline.emulator.generate.pieces import METRIC, STANDARD, laps, splits
from strava_pipeline.emulator.generate.places import utc_offset
from strava_pipeline.emulator.generate.sketch import Sketch
from strava_pipeline.emulator.generate.summary import points_of, stamp, summary_of
from strava_pipeline.emulator.generate.tracks import encode
from strava_pipeline.emulator.wire import Json

EFFORT_IDS = 2_600_000_000_000_000_000  # real effort ids of 2020 to 2025 lie between 2.69e18 and 3.4e18
PHOTO = "https://example.invalid/photos/{unique}-{size}.jpg"
STATS = ("heart_rate", "pace", "power", "speed", "calories")


def detail_of(seed: int, athlete_id: int, sketch: Sketch, gear: Json | None) -> Json:
    """What a detail request with all efforts shows; `gear` is the SummaryGear of its gear_id."""
    summary = summary_of(seed, athlete_id, sketch)
    rng = Random(f"{seed}:{sketch.id}:detail")
    offset = utc_offset(sketch.place.zone, sketch.start)
    document = summary | {"resource_state": 3, "map": _map(seed, sketch, summary)}
    document["description"] = description_of(rng)
    document["calories"] = _calories(sketch, summary)
    document["perceived_exertion"] = float(rng.randint(2, 9)) if rng.random() < 0.1 else None
    document["prefer_perceived_exertion"] = None
    document["segment_efforts"] = [
        _segment_effort(sketch, summary, offset, number, effort, rng) for number, effort in enumerate(sketch.efforts)
    ]
    if sketch.sport.moves and not sketch.manual and sketch.sport.name != "Swim":
        document["splits_metric"] = splits(sketch, METRIC, rng)
        document["splits_standard"] = splits(sketch, STANDARD, rng)
    if not sketch.manual:
        document["laps"] = laps(sketch, summary, offset, rng)
    if sketch.best:
        document["best_efforts"] = [_best_effort(sketch, summary, offset, effort) for effort in sketch.best]
    if gear is not None:
        document["gear"] = gear
    document["photos"] = _photos(summary["total_photo_count"], rng)
    document["stats_visibility"] = [{"type": kind, "visibility": "everyone"} for kind in STATS]
    document["hide_from_home"] = sketch.commute and rng.random() < 0.4
    if (device := device_of(sketch)) is not None:
        document["device_name"] = device
    document["embed_token"] = f"{rng.getrandbits(160):040x}"
    if sketch.best and rng.random() < 0.4:
        document["similar_activities"] = _similar(sketch, rng)
    document["available_zones"] = _zones(sketch)
    return document


def _map(seed: int, sketch: Sketch, summary: Json) -> Json:
    return {
        "id": summary["map"]["id"],
        "polyline": encode(points_of(seed, sketch)),
        "resource_state": 3,
        "summary_polyline": summary["map"]["summary_polyline"],
    }


def _calories(sketch: Sketch, summary: Json) -> float:
    if "kilojoules" in summary:
        return round(float(summary["kilojoules"]) * 1.08, 1)  # gross efficiency near 22 %, and 4.184 kJ a kcal
    if sketch.sport.kind in ("Run", "Walk", "Hike"):
        return round(sketch.distance / 1000 * 66, 1)  # about 1 kcal a kilogram and kilometre
    return round(sketch.moving / 60 * 5.5, 1)


def _effort(sketch: Sketch, summary: Json, offset: int, effort: Effort, identity: int, name: str) -> Json:
    """What efforts on segments and over distances have in common."""
    begins = sketch.start + effort.offset
    return {
        "id": identity,
        "resource_state": 2,
        "name": name,
        "activity": {"id": sketch.id, "visibility": summary["visibility"], "resource_state": 1},
        "athlete": summary["athlete"],
        "elapsed_time": effort.seconds,
        "moving_time": effort.seconds,
        "start_date": stamp(begins),
        "start_date_local": stamp(begins + offset),
    }


def _segment_effort(sketch: Sketch, summary: Json, offset: int, number: int, effort: Effort, rng: Random) -> Json:
    segment = segments(sketch.place, sketch.sport.segments or "Ride")[effort.index]
    identity = EFFORT_IDS + sketch.id * 10_000_000 + number * 97_003
    document = _effort(sketch, summary, offset, effort, identity, segment.name)
    document |= {
        "distance": segment.distance,
        "start_index": effort.offset,
        "end_index": effort.offset + effort.seconds,
    }
    if "average_cadence" in summary:
        document["average_cadence"] = round(summary["average_cadence"] + rng.uniform(-3, 3), 1)
    document["device_watts"] = sketch.power_meter
    if "average_watts" in summary:
        document["average_watts"] = round(summary["average_watts"] * rng.uniform(0.9, 1.4), 1)
    if sketch.heartrate is not None:
        document["average_heartrate"] = round(sketch.heartrate + rng.uniform(-4, 9), 1)
        document["max_heartrate"] = float(summary["max_heartrate"])
    return document | {
        "segment": segment.document,
        "pr_rank": effort.rank or None,
        "achievements": _achievements(effort),
        "visibility": summary["visibility"],
        "kom_rank": None,
        "hidden": number >= 2 and rng.random() < 0.3,
    }


def _best_effort(sketch: Sketch, summary: Json, offset: int, effort: Effort) -> Json:
    name, metres = BEST_EFFORTS[effort.index]
    document = _effort(sketch, summary, offset, effort, sketch.id * 1000 + 500 + effort.index, name)
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


def _similar(sketch: Sketch, rng: Random) -> Json:
    own = sketch.distance / sketch.moving
    speeds = [own * rng.uniform(0.9, 1.08) for _ in range(rng.randint(0, 5))] + [own]
    low, middle, high = min(speeds), sum(speeds) / len(speeds), max(speeds)
    return {
        "effort_count": len(speeds),
        "average_speed": middle,
        "min_average_speed": low,
        "mid_average_speed": middle,
        "max_average_speed": high,
        "pr_rank": None,
        "frequency_milestone": None,
        "trend": {
            "speeds": speeds,
            "current_activity_index": len(speeds) - 1,
            "min_speed": low,
            "mid_speed": middle,
            "max_speed": high,
            "direction": 0,
        },
        "resource_state": 2,
    }


def _zones(sketch: Sketch) -> list[str]:
    zones = []
    if sketch.heartrate is not None:
        zones.append("heartrate")
    if sketch.sport.kind == "Run" and not sketch.manual:
        zones.append("pace")
    if sketch.power_meter:
        zones.append("power")
    return zones
