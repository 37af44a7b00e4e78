"""Splits and laps: an activity cut into pieces.

The pieces add up to it again, to the decimetre and to the second.
"""

from dataclasses import dataclass
from itertools import pairwise
from random import Random

from strava_pipeline.emulator.generate.sketch import Sketch
from strava_pipeline.emulator.generate.summary import stamp
from strava_pipeline.emulator.wire import Json

METRIC, STANDARD = 1000.0, 1609.344  # kilometre and international mile


@dataclass(frozen=True, slots=True)
class Piece:
    """Distance in metres, times in seconds, from `begins` seconds of elapsed time on."""

    distance: float
    moving: int
    elapsed: int
    begins: int


def pieces(sketch: Sketch, unit: float, rng: Random) -> list[Piece]:
    """Cut into pieces of one unit each (metres) and the rest."""
    total = round(sketch.distance * 10)
    step = round(unit * 10)
    edges = [min(total, step * number) for number in range(1, total // step + 1)]
    edges = [max(1, edge + rng.randint(-25, 25)) for edge in edges if total - edge > 25]
    bounds = [0, *edges, total]
    distances = [later - earlier for earlier, later in pairwise(bounds)]
    paces = [distance * rng.uniform(0.93, 1.07) for distance in distances]
    moving = share_out(sketch.moving, paces)
    stops = share_out(sketch.elapsed - sketch.moving, [rng.random() ** 3 for _ in distances])
    found, begins = [], 0
    for distance, moved, stopped in zip(distances, moving, stops, strict=True):
        found.append(Piece(distance / 10, moved, moved + stopped, begins))
        begins += moved + stopped
    return found


def share_out(total: int, weights: list[float]) -> list[int]:
    """Whole shares in proportion to the weights that add up to the total."""
    whole, reached, given, shares = sum(weights), 0.0, 0, []
    for weight in weights:
        reached += weight
        share = round(total * reached / whole) - given if whole else 0
        shares.append(share)
        given += share
    shares[-1] += total - given
    return shares


def splits(sketch: Sketch, unit: float, rng: Random) -> list[Json]:
    """splits_metric or splits_standard."""
    found: list[Json] = []
    for number, piece in enumerate(pieces(sketch, unit, rng), start=1):
        speed = _speed(piece)
        split: Json = {
            "distance": piece.distance,
            "elapsed_time": piece.elapsed,
            "elevation_difference": round(rng.uniform(-1, 1) * sketch.place.hills, 1) if sketch.mapped else None,
            "moving_time": piece.moving,
            "split": number,
            "average_speed": round(speed, 2),
        }
        if sketch.sport.kind == "Run":
            split["average_grade_adjusted_speed"] = round(speed * rng.uniform(0.99, 1.04), 2)
        if sketch.heartrate is not None:
            split["average_heartrate"] = sketch.heartrate + rng.uniform(-7, 7)
        split["pace_zone"] = 0
        found.append(split)
    return found


def laps(sketch: Sketch, summary: Json, offset: int, rng: Random) -> list[Json]:
    """One lap, or the automatic ones of a watch: every kilometre of a run, every ten of a longer ride."""
    unit = sketch.distance + 1.0
    if sketch.sport.kind == "Run" and sketch.share >= 0.2:
        unit = METRIC
    elif sketch.sport.kind == "Ride" and not sketch.commute and sketch.share >= 0.4:
        unit = 10 * METRIC
    return [
        _lap(sketch, summary, offset, number, piece, rng)
        for number, piece in enumerate(pieces(sketch, unit, rng), start=1)
    ]


def _lap(sketch: Sketch, summary: Json, offset: int, number: int, piece: Piece, rng: Random) -> Json:
    begins = sketch.start + piece.begins
    speed = _speed(piece)
    lap: Json = {
        "id": sketch.id * 1000 + number,
        "resource_state": 2,
        "name": f"Lap {number}",
        "activity": {"id": sketch.id, "visibility": summary["visibility"], "resource_state": 1},
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
        "total_elevation_gain": round(sketch.gain * piece.distance / sketch.distance, 1) if sketch.gain else 0,
    }
    if "average_cadence" in summary:
        lap["average_cadence"] = round(summary["average_cadence"] + rng.uniform(-2, 2), 1)
    lap["device_watts"] = sketch.power_meter
    if sketch.power_meter:
        lap["average_watts"] = round(summary["average_watts"] * rng.uniform(0.9, 1.1), 1)
    if sketch.heartrate is not None:
        lap["average_heartrate"] = round(sketch.heartrate + rng.uniform(-5, 5), 1)
        lap["max_heartrate"] = min(summary["max_heartrate"], float(round(sketch.heartrate + 8)))
    if sketch.sport.kind == "Run":
        lap["pace_zone"] = 0
    return lap


def _speed(piece: Piece) -> float:
    return piece.distance / piece.moving if piece.moving else 0.0
