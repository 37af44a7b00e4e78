"""GPX 1.0 and 1.1 and devices' extensions.

Each track is a recording, but the pieces of one outing, minutes apart, are one together. Plans are not recordings: a
route, a track without a single time, or one whose times are made up. The app's own sums count before a device's own
distance, and that before the length of the track, unless the track contradicts them.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import polars as pl
from lxml import etree

from strava_pipeline.core.files.recording import TRACK, DecodedFile, Flag, Format, Recording
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.core.text import counted
from strava_pipeline.core.track_cleaning import steps
from strava_pipeline.ingest.files.markup import Clock, Markup, child, coordinate, local, number, text
from strava_pipeline.ingest.files.points import (
    PLACES,
    Points,
    TooManyPointsError,
    clock_flags,
    limited,
    problem,
    span,
    track_of,
)

COLUMNS = {
    "ele": "altitude",
    "hr": "heartrate",
    "heartrate": "heartrate",
    "cad": "cadence",
    "cadence": "cadence",
    "power": "watts",
    "PowerInWatts": "watts",
    "watts": "watts",
    "atemp": "temperature",
    "temp": "temperature",
    "Temperature": "temperature",
    "speed": "speed",
    "distance": "distance",
    "Distance": "distance",
}
POINT = {name: PLACES[column] for name, column in COLUMNS.items()}
BLANK = (
    "It holds {points}, none of them with a position or a time, as a GPX of a swim in a pool does. Export the activity as FIT "
    "(the original file) or as TCX: these hold it."
)
NO_VALUES = ("trkpt", "time", "extensions", "TrackPointExtension", "")

APART_S = 7200.0  # between tracks of one outing: a rest at noon is shorter, the time between two commutes is longer
OVERLAP_S = 60.0  # by which a track of the same outing may begin too early: clocks are set while recording
SUMS = {
    "Distance": "distance_m",
    "MovingTime": "moving_s",
    "TimerTime": "timer_s",
    "TotalElapsedTime": "elapsed_s",
    "Ascent": "ascent_m",
    "Descent": "descent_m",
    "Calories": "calories",
    "MaxSpeed": "max_speed",
}
"""Fields of a TrackStatsExtension, which Garmin's devices write, and OpenTracks and others with them."""
RECORD = re.compile(r"\w*Workout\((id=.*)\)", re.DOTALL)  # FitoTrack's, as text in the place of the name
RECORDED = {"distance": ("distance_m", 1), "activeDuration": ("moving_s", 1000), "energy": ("calories", 4184)}
"""Its fields; how many of its units (m, ms, J) make one of ours."""
PLANNERS = re.compile(r"brouter|graphhopper|osmandrouter|openrouteservice", re.IGNORECASE)  # they don't record anything
PLANS = ("route", "planned")  # not "course", which is a run in French
PLAN_LINK = re.compile(r"/(?:routes?|courses?)/\d")  # as of Strava, Garmin Connect, Ride with GPS
WORN = ("heartrate", "cadence", "watts", "temperature")  # no planned route has these sensors, whatever its name
SENSORS = (*WORN, "speed")


def read_gpx(content: bytes, received_at: datetime, limits: ImportLimits = ImportLimits()) -> DecodedFile:
    """Read the readable parts of `content`. Never raises, whatever it contains."""
    document = Markup(content, "gpx", "trkpt", ("trkseg", "trk", "rte", "rtept", "wpt", "metadata"))
    contents = _Contents(limits)
    try:
        for element in document:
            contents.add(element)
    except TooManyPointsError:
        document.flags.add(Flag.OVER_LIMIT)
    contents.end_track(_Said())  # one that never ended
    pieces, said = contents.pieces, contents.said
    plans = {each for each in pieces if _is_planned(each, said)}
    recorded = [each for each in pieces if each not in plans and each.points["at"].count()]
    planned = contents.seen["rte"] + (len(pieces) - len(recorded) if recorded else len(plans))
    outings = list(_outings(recorded))
    recordings = [_recording(each, said, len(outings), place, received_at) for place, each in enumerate(outings)]
    why = problem(document.flags, limits, is_kept=bool(recordings))
    points = sum(each.points.height for each in pieces)
    is_blank = points > 0 and not any(each.points["latitude"].drop_nans().count() for each in pieces)
    kind = "activity" if recordings else "empty" if is_blank else contents.kind()
    if kind == "empty" and why is None:
        why = BLANK.format(points=counted(points, "point")) if is_blank else "It holds no points."
    return DecodedFile(
        Format.GPX,
        kind=kind,
        recordings=tuple(replace(each, flags=each.flags | document.flags) for each in recordings),
        problem=why,
        unknown=dict(contents.unknown),
        limited=limited(document.flags, limits),
        left_out={"route": planned} if planned else {},
    )


@dataclass(frozen=True, slots=True)
class _Said:
    """The own data of a track, or of the file: name, description and type; the app's own sums; whether it is a plan."""

    words: Mapping[str, str] = field(default_factory=dict)
    sums: Mapping[str, float] = field(default_factory=dict)
    is_planned: bool = False

    def __or__(self, other: "_Said") -> "_Said":
        return _Said({**self.words, **other.words}, {**self.sums, **other.sums}, self.is_planned or other.is_planned)


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """A track of the file."""

    points: pl.DataFrame
    said: _Said
    utc_offset_s: float | None


class _Contents(Clock):
    """The contents of the elements, in their order."""

    def __init__(self, limits: ImportLimits) -> None:
        self.seen: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        self.pieces: list[_Piece] = []
        self.said = _Said()
        self._room, self._most_tracks = limits.points, limits.recordings
        self._points = Points(self._room)

    def add(self, element: etree._Element) -> None:
        name = local(element.tag)
        if name == "trkpt":
            self._points.add(self._row(element))
        elif name == "trk":
            if len(self.pieces) == self._most_tracks:
                raise TooManyPointsError
            self.end_track(_said(element))
        elif name in ("metadata", "gpx"):
            self.said |= _said(element)
        self.seen[name] += 1

    def end_track(self, said: _Said) -> None:
        if self._points:
            self._room -= len(self._points)
            self.pieces.append(_Piece(self._points.frame(), said, self.utc_offset_s))
            self._points, self.utc_offset_s = Points(self._room), None

    def kind(self) -> str:
        """The kind of a file without recordings."""
        if self.seen["trkpt"] or self.seen["rtept"]:
            return "route"
        return "waypoints" if self.seen["wpt"] else "empty"

    def _row(self, point: etree._Element) -> list[float | None]:
        row: list[float | None] = [None] * len(PLACES)
        row[1], row[2] = coordinate(point.get("lat")), coordinate(point.get("lon"))
        row[PLACES["segment"]] = self.seen["trkseg"] + self.seen["trk"]
        for element in point.iterdescendants():
            name = local(element.tag)
            place = POINT.get(name)
            if place is not None:
                row[place] = number(element.text)
            elif name == "trkpt":  # a point that never ended contains the next one
                break
            elif name == "time" and row[0] is None:
                row[0] = self.time(element.text)
            elif name not in NO_VALUES and not len(element):
                self.unknown[name[:80]] += 1
        return row


def _said(element: etree._Element) -> _Said:
    words = {name: word for name in ("name", "desc", "type") if (word := text(element, name)) is not None}
    link, creator = child(element, "link"), (element.get("creator") or "").strip()
    address = "" if link is None else link.get("href") or ""
    marks = words.get("type", "").lower() in PLANS, PLAN_LINK.search(address), PLANNERS.search(creator)
    stats = next((each for each in element.iterfind("{*}extensions/*") if local(each.tag) == "TrackStatsExtension"), ())
    numbers = {SUMS[name]: number(each.text) for each in stats if (name := local(each.tag)) in SUMS}
    if record := RECORD.fullmatch(words.get("name", "")):
        fields = dict(re.findall(r"(\w+)=(.*?)(?=, \w+=|$)", record[1], re.DOTALL))
        words = {"type": fields.get("workoutTypeId", "")} | words | {"name": fields.get("comment", "")}
        values = {name: value for name, word in fields.items() if (value := number(word)) is not None}
        numbers |= {name: values[told] / unit for told, (name, unit) in RECORDED.items() if told in values}
        numbers |= {"elapsed_s": (values["end"] - values["start"]) / 1000} if {"start", "end"} <= values.keys() else {}
    sums = {name: value for name, value in numbers.items() if value is not None and value >= 0}
    return _Said({name: word for name, word in (words | {"creator": creator}).items() if word}, sums, any(marks))


def _is_planned(piece: _Piece, file: _Said) -> bool:
    says_so = (file.is_planned or piece.said.is_planned) and not any(piece.points[name].count() for name in WORN)
    return says_so or _is_made_up(piece.points)


def _is_made_up(points: pl.DataFrame) -> bool:
    """Whether the times of a track without a sensor are a plan's.

    Most planners write none, but some give each point a few milliseconds, or a second: that is more than 60 m/s on
    average. Aeroplanes are as fast, but for more than a minute, at less than 350 m/s even with the wind behind them,
    and evenly.
    """
    if any(points[name].count() for name in SENSORS):
        return False
    placed = steps(points.with_columns(pl.col("at").cast(TRACK["at"])), "at").drop_nulls()
    step, gap = pl.col("step"), pl.col("gap")
    speed = step / gap
    way, time, fast, even = placed.select(
        step.sum(),
        gap.sum(),
        (step > 60 * gap).sum().alias("fast"),
        ((speed.diff().abs() < 0.5 * speed).mean() > 0.5).alias("even"),
    ).row(0)
    if way <= 60 * abs(time) or fast < max(3, placed.height / 4):  # a few jumps are strays
        return False
    return time < 60 or way > 350 * time or not even


def _outings(pieces: Sequence[_Piece]) -> Iterator[list[_Piece]]:
    """The tracks that together are one recording, in the order of time: of one sport, and less than APART_S apart.

    A track that begins where and when the first one does repeats it and goes on.
    """
    spans = [(*each.points.select(pl.min("at"), pl.max("at").alias("end")).row(0), each) for each in pieces]
    outing: list[_Piece] = []
    latest, sports = 0, set[str]()
    for start, end, piece in sorted(spans, key=lambda span: span[0]):
        own = {word.lower() for name, word in piece.said.words.items() if name == "type"}
        is_near = -OVERLAP_S * 1_000_000 <= start - latest <= APART_S * 1_000_000
        if outing and (len(sports | own) > 1 or not (is_near or _begins_alike(piece, outing[0]))):
            yield outing
            outing, sports = [], set()
        outing.append(piece)
        sports |= own
        latest = max(latest, end)
    if outing:
        yield outing


def _begins_alike(piece: _Piece, other: _Piece) -> bool:
    """Whether both begin at one time and place."""
    first, second = (each.points.select("at", "latitude", "longitude").head(1) for each in (piece, other))
    return first.equals(second, null_equal=False)


def _recording(outing: Sequence[_Piece], file: _Said, outings: int, place: int, received_at: datetime) -> Recording:
    """`file`: the file's own data; with several `outings`, they belong to none of them."""
    about = file if outings == 1 else _Said()
    words = {
        name: word for said in (about, *(each.said for each in reversed(outing))) for name, word in said.words.items()
    }
    track = track_of(pl.concat([each.points for each in outing]), words.get("type"))
    started_at, elapsed = span(track.points)
    way, own = track.length(), track.distance()
    if own is not None and (way or 0) > 2 * own:
        track, own = track.without_distance(), None
    sums = _believed(outing[0].said.sums if len(outing) == 1 else {}, way, elapsed) or _believed(
        about.sums, way, elapsed
    )
    by_track = way is not None and own is None and "distance_m" not in sums
    chosen = {"distance_by": "app"} if "distance_m" in sums else {"distance_by": "track"} if by_track else {}
    chosen |= {"moving_time_by": "app"} if "moving_s" in sums else {}
    return Recording(
        Format.GPX,
        place=place,
        sport=words.get("type"),
        name=words.get("name"),
        description=words.get("desc"),
        creator=file.words.get("creator"),
        started_at=started_at,
        utc_offset_s=next((each.utc_offset_s for each in outing if each.utc_offset_s is not None), None),
        elapsed_s=sums.get("elapsed_s", elapsed),
        moving_s=sums.get("moving_s"),
        distance_m=sums.get("distance_m", way if own is None else own),
        ascent_m=sums.get("ascent_m"),
        descent_m=sums.get("descent_m"),
        calories=sums.get("calories"),
        summary=chosen | ({"max_speed": sums["max_speed"]} if "max_speed" in sums else {}),
        track=track.points,
        left_out=track.left_out,
        flags=frozenset(track.flags | clock_flags(track.points, started_at, received_at)),
    )


def _believed(sums: Mapping[str, float], way: float | None, elapsed: float | None) -> dict[str, float]:
    """The sums that the track does not contradict: a distance twice or half as long as the way, more time than there was."""
    found = dict(sums)
    timer = found.pop("timer_s", 0.0)
    found.setdefault("moving_s", timer)
    if way is not None and not way / 2 <= found.get("distance_m", way) <= way * 2:
        del found["distance_m"]
    if elapsed is not None and not elapsed <= found.get("elapsed_s", elapsed) <= elapsed * 2:
        del found["elapsed_s"]
    if not 0 < found["moving_s"] <= found.get("elapsed_s", elapsed or 0.0) + 1:  # whole seconds
        del found["moving_s"]
    return found
