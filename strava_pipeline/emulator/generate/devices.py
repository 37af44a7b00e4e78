"""Some efforts of the made-up athlete, recorded by two or three devices at once: FIT files, second by second. One device lies.

Of each effort, which is the same for all, every device has its own errors of place, heart rate, power, distance, height and
clock. The wrist sensor of the oldest watch is late and rough, takes the cadence of some runs for the heart rate, and has been
worse for some months. The other sensors are straps, so that one can see who lies.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import nsmallest
from itertools import pairwise
from math import cos, radians, sqrt
from operator import add
from random import Random
from typing import Any

from strava_pipeline.emulator.generate.activities import YEAR_SECONDS, Activity
from strava_pipeline.emulator.generate.fit_writing import ANTPLUS, BLUETOOTH, LOCAL, Device, Sensor, fit_file
from strava_pipeline.emulator.generate.places import utc_offset
from strava_pipeline.emulator.generate.recordings import METRES_PER_DEGREE, recorded_streams

YEARS = 3.0  # with several devices, the last ones
LATE = 8  # s by which the wrist sensor lags behind the heart
WORSE, WORSE_YEARS = 6, 0.6  # bpm that it shows too many, in the last part of a year
LOCKED_RUNS = 0.4  # share of the runs on which it counts steps for some minutes
LOCK = (240, 480)  # s that it does so
_LEAST = 1200  # s
# kinds: of ANT+ 11 is power and 120 a heart rate, of Bluetooth 1, of what is built in 10; the meter is Favero's Assioma Duo
_METER = Sensor(ANTPLUS, 11, 263, 12)
_HRM_DUAL, _HRM_PRO, _WRIST = Sensor(ANTPLUS, 120, 1, 3299), Sensor(BLUETOOTH, 1, 1, 3300), Sensor(LOCAL, 10)

Streams = Mapping[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Recorder:
    """A device and its errors.

    Args:
        place: m, the standard deviation to the north and to the east; `heart`: bpm, that of the heart rate.
        clock: s by which its clock is fast.
        waits: share of the effort before it is started. Of a device that lies it is more than 5 %, so that its file counts
            as cut, and another device's gives the activity its track.
    """

    name: str
    device: Device
    place: float
    heart: float
    clock: int = 0
    waits: float = 0.0
    lies: bool = False


EDGE = Recorder("edge_530", Device(1, 3121, sensors=(_HRM_DUAL, _METER)), place=2.0, heart=1.0)
PACE = Recorder("pace_3", Device(294, None, "COROS PACE 3", (_HRM_PRO, _METER)), place=3.0, heart=1.0, clock=3)
WRIST = Recorder("fr935", Device(1, 2691, sensors=(_WRIST, _METER)), place=5.0, heart=5.0, waits=0.06, lies=True)
_CHOSEN = {  # by sport, with a power meter: how many efforts, few since an hour takes 0.2 s of CPU to read, and by whom
    ("Run", False): (20, (PACE, WRIST)),
    ("Ride", True): (6, (EDGE, WRIST, PACE)),  # the third is worn every other time
    ("Ride", False): (34, (EDGE, WRIST, PACE)),
}


def device_files(seed: int, activities: Sequence[Activity]) -> Iterator[tuple[Activity, Recorder, bytes]]:
    """The files of the efforts that several devices recorded: the shortest ones in `YEARS` before the newest activity."""
    newest = max((each.start for each in activities), default=0)
    recent = [each for each in activities if each.start > newest - YEARS * YEAR_SECONDS and each.elapsed >= _LEAST]
    measured = [each for each in recent if each.mapped and each.heartrate is not None]
    for kind, (most, recorders) in _CHOSEN.items():
        candidates = [each for each in measured if (each.sport.name, each.power_meter) == kind]
        for activity in nsmallest(most, candidates, key=lambda each: (each.elapsed, each.id)):
            true = recorded_streams(seed, activity, seconds=1)
            assert true is not None
            is_worse = activity.start > newest - WORSE_YEARS * YEAR_SECONDS
            for recorder in recorders[: 3 - activity.id % 2]:
                rng = Random(f"{seed}:{activity.id}:{recorder.name}")
                recorded = _with_errors(recorder, true, rng, WORSE if is_worse and recorder.lies else 0)
                yield activity, recorder, _file(activity, recorder, recorded)


def _with_errors(recorder: Recorder, true: Streams, rng: Random, too_many: int) -> dict[str, list[Any]]:
    """The streams of a device: its part of the true ones, with its errors. `too_many`: bpm.

    Besides those of `Recorder`: some seconds at both ends, 0.3 % of the distance, 4 m of height, 2 W and some revolutions.
    """
    begins = round(recorder.waits * true["time"][-1]) + rng.randrange(6)
    first = bisect_right(true["time"], begins) - 1
    last = bisect_left(true["time"], true["time"][-1] - rng.randrange(6)) + 1
    part = {name: list(true[name][first:last]) for name in true}
    part["time"][0] = begins  # it may be within a pause
    factor, raised = rng.gauss(1, 0.003), rng.gauss(0, 4)
    part["distance"] = [round((metres - true["distance"][first]) * factor, 2) for metres in part["distance"]]
    part["altitude"] = [metres + raised for metres in part["altitude"]]
    norths, easts = (_wander(rng, recorder.place / METRES_PER_DEGREE, 0.98) for _ in range(2))
    part["latlng"] = [
        [lat + north, lon + east / cos(radians(lat))]
        for (lat, lon), north, east in zip(part["latlng"], norths, easts, strict=False)
    ]
    for name, error in (("watts", 2.0), ("cadence", 0.4)):
        if name in part:
            part[name] = [value and max(0, round(rng.gauss(value, error))) for value in part[name]]
    behind = range(first - LATE, last - LATE) if recorder.lies else range(first, last)
    hearts = [true["heartrate"][max(0, each)] + too_many for each in behind]
    part["heartrate"] = [*map(round, map(add, hearts, _wander(rng, recorder.heart, 0.9)))]
    if recorder.lies and "watts" not in part and "cadence" in part and rng.random() < LOCKED_RUNS:
        locks = rng.randrange(len(hearts) // 2)
        lock = slice(locks, locks + rng.randint(*LOCK))
        part["heartrate"][lock] = [2 * strides for strides in part["cadence"][lock]]
    return part


def _wander(rng: Random, deviation: float, holds: float) -> Iterator[float]:
    """Errors of this standard deviation, of each of which the share `holds` is left a second later."""
    error, fresh = rng.gauss(0, deviation), deviation * sqrt(1 - holds**2)
    while True:
        yield error
        error = error * holds + rng.gauss(0, fresh)


def _file(activity: Activity, recorder: Recorder, recorded: Streams) -> bytes:
    times = [at - recorded["time"][0] for at in recorded["time"]]
    steps = zip(pairwise(times), recorded["moving"][1:], strict=True)
    detail = {
        "type": activity.sport.kind,
        "elapsed_time": times[-1],
        "moving_time": sum(later - before for (before, later), moves in steps if moves),
        "distance": recorded["distance"][-1],
        "total_elevation_gain": activity.gain,
        "utc_offset": utc_offset(activity.place.zone, activity.start),
    }
    start = activity.start + recorder.clock + recorded["time"][0]
    heard = tuple(each for each in recorder.device.sensors if each is not _METER or "watts" in recorded)
    return fit_file(start, detail, {**recorded, "time": times}, replace(recorder.device, sensors=heard))
