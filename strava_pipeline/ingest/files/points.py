"""The points of a track, whatever the file's format, and the messages about partly unreadable files.

Rows become a frame, and from the frame alone follow its span, its length and the flags of its clock. The frame has
TRACK's columns, `at` as a whole number, and `segment`, the number of the piece of track that a point belongs to:
between two pieces nobody moved, as far as the file says. No sentence contains a position or a word of the file.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import polars as pl

from strava_pipeline.core.files.recording import TRACK, Flag
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.core.sports import GROUP_OF, sport_type
from strava_pipeline.core.track_cleaning import ANY_SPORT, cleaned, is_mostly_faster, is_way, steps, with_steps
from strava_pipeline.core.track_summaries import fastest

PER_FRAME = 50_000  # rows that are Python objects at once
COLLECTED = {**TRACK, "at": pl.Int64(), "segment": pl.Int64()}
PLACES = {name: place for place, name in enumerate(COLLECTED)}
LEAP = 86_400  # s between neighbours; races and sleepless tours pause for less
FIRST_CREDIBLE = datetime(1990, 1, 1, tzinfo=UTC)
RECENT = 9  # rows
HANDFUL = 60  # points, a minute by the second, that a device may have kept from another day
NO_WAY = (600_000_000, 1e-3, 1e-3, 10.0)  # µs, degrees and m within which one stands still for a moment
MOMENT = 60_000_000  # µs: without positions a longer stretch isn't a remnant, but the recording by a clock that was set later
WOBBLE = 2  # times the speed of its sport at which a recording may seem to move; Strava's distances count such steps
BEFORE = 100.0  # m that may be covered before the first point is recorded; more is another leg's
BEGINS_AGAIN = 50.0  # m: a distance that falls by more is counted from zero again; corrections of devices are smaller
EXPORT_AGAIN = "Export or copy it once more."
NOTHING_KEPT = {
    Flag.DAMAGED: f"It is damaged, and no activity was found in it. {EXPORT_AGAIN}",
    Flag.TRUNCATED: f"It ends in the middle, before anything that is an activity. {EXPORT_AGAIN}",
    Flag.BAD_CHECKSUM: f"Its checksum doesn't match, and no activity was found in it. {EXPORT_AGAIN}",
}
PROBLEMS = {
    Flag.DAMAGED: "A part of the file could not be read; the rest is kept.",
    Flag.TRUNCATED: "The file ends in the middle; what stands before is kept.",
    Flag.BAD_CHECKSUM: "The file's checksum doesn't match; what it says is kept.",
}


class TooManyPointsError(ValueError):
    """A file contains more points or messages than are read; the points so far are kept."""


class Points:
    """Rows in the order of COLLECTED, few of them as Python objects at a time."""

    def __init__(self, most: int = ImportLimits().points) -> None:
        self._rows: list[Sequence[float | None]] = []
        self._room = most  # rows that may still be added to those in frames
        self._frames: list[pl.DataFrame] = []
        self._leapt_at = 0  # the index in `_rows` of the first row after the last leap of the clock

    def add(self, row: Sequence[float | None]) -> None:
        """Add a row. Raises TooManyPointsError beyond the limit."""
        if len(self._rows) >= self._room:
            raise TooManyPointsError
        self._rows.append(row)
        if len(self._rows) == PER_FRAME:
            self._flush()

    def recent_time(self) -> float | None:
        """The median of the last times, which one wrong time doesn't move far."""
        times = sorted(row[0] for row in self._rows[self._recent() :] if row[0] is not None)
        return times[len(times) // 2] if times else None

    def has_leapt(self) -> bool:
        """Whether the last two rows are further apart in time than LEAP, without an accepted leap."""
        new = len(self._rows) > 1 and self._leapt_at < len(self._rows) - 1
        last, before = (self._rows[-1][0], self._rows[-2][0]) if new else (None, None)
        return last is not None and before is not None and abs(last - before) > LEAP

    def last_time(self) -> float | None:
        """The time of the last row."""
        return self._rows[-1][0] if self._rows else None

    def accept_leap(self) -> None:
        """Accept the last row's time: later times are no longer judged by those before it."""
        self._leapt_at = len(self._rows) - 1

    def remove_from(self, count: int) -> None:
        """Remove the rows from number `count` on; those in a frame already stay."""
        del self._rows[max(count - PER_FRAME * len(self._frames), 0) :]
        self._leapt_at = min(self._leapt_at, len(self._rows))

    def remove_strays(self) -> None:
        """Remove those of the last rows whose times are further than LEAP from the others'."""
        time, start = self.recent_time(), self._recent()
        if time is not None:
            self._rows[start:] = [row for row in self._rows[start:] if row[0] is None or abs(row[0] - time) <= LEAP]

    def __len__(self) -> int:
        return PER_FRAME * len(self._frames) + len(self._rows)

    def frame(self) -> pl.DataFrame:
        """All rows. Called once, at the end."""
        self._flush()
        return pl.concat(self._frames)

    def _recent(self) -> int:
        """The index of the first of the last rows, none of them before an accepted leap."""
        return max(len(self._rows) - RECENT, self._leapt_at, 0)

    def _flush(self) -> None:
        self._frames.append(pl.DataFrame(self._rows, schema=COLLECTED, orient="row", strict=False))
        self._room -= len(self._rows)
        self._rows, self._leapt_at = [], 0


@dataclass(frozen=True, slots=True)
class Track:
    """The points of a recording as they are believed.

    Args:
        points: with TRACK's columns.
        segment: the piece of track that each point belongs to.
        is_faster: whether most of the recording is faster than its sport, so that no step is too fast to be a way.
        left_out: the number of rejected values, by column.
        flags: oddities of the whole.
        clock_set: if the clock was set on the way, the first and the last time before, and how much later each was.
    """

    points: pl.DataFrame
    segment: pl.Series
    is_faster: bool
    left_out: Mapping[str, int]
    flags: frozenset[Flag] = frozenset()
    clock_set: tuple[datetime, datetime, timedelta] | None = None

    def by_set_clock(self, at: datetime | None) -> datetime | None:
        """A time of the device by the clock that was set on the way, if it was one from before."""
        if at is None or self.clock_set is None:
            return at
        first, last, later = self.clock_set
        return at + later if first <= at <= last else at

    def length(self) -> float | None:
        """The length of the way along the positions in metres: great circles between neighbours of a segment. None
        without a position.

        An impossible step is not counted; one that is merely too fast for the sport is, as receivers catch up
        (docs/adr/0112).
        """
        if not self.points["latitude"].count():
            return None
        timed = self.points.select("latitude", "longitude", seconds=pl.col("at").dt.epoch("us") / 1e6)
        placed = with_steps(timed.with_columns(self.segment.alias("segment")).filter(pl.col("latitude").is_not_null()))
        seconds, has_moved = pl.col("seconds"), (pl.col("step") > 0).fill_null(True)
        since = seconds - pl.when(has_moved).then(seconds).forward_fill().shift()  # a receiver may repeat a position
        gap = pl.when(pl.col("gap").is_not_null()).then(since)
        is_within = pl.col("segment").diff() == 0
        is_counted = is_within & (is_way(placed, gap) | self.is_faster)
        return float(placed.select(pl.when(is_counted).then("step").sum()).item())

    def distance(self) -> float | None:
        """The distance recorded in the points themselves, in metres."""
        recorded: float | None = self.points["distance"].max()  # type: ignore[assignment]
        return recorded

    def measured(self, distance: float | None) -> float | None:
        """A total distance; None for a 0 that nothing measured: no position, no speed and no rising distance."""
        covered = self.points["distance"].drop_nulls()
        is_measured = self.points["latitude"].count() or self.points["speed"].sum() or covered.n_unique() > 1
        return distance or (distance if is_measured else None)

    def without_distance(self) -> "Track":
        """The track without the distances of its points, which are not believed."""
        left_out = {**self.left_out, "distance": self.points["distance"].count()}
        points = self.points.with_columns(pl.lit(None, pl.Float64).alias("distance"))
        return replace(self, points=points, left_out=left_out)


def track_of(frame: pl.DataFrame, sport: str | None = None, sub_sport: str | None = None) -> Track:
    """The track of collected rows, `at` in microseconds since 1970. `sport` and `sub_sport`: as the file has them."""
    limit = min(WOBBLE * fastest(GROUP_OF.get(sport_type(sport, sub_sport) or "")), ANY_SPORT)
    once = _without_repetitions(frame)
    repeated, frame = frame.height - once.height, once
    stale = _stale(frame)
    points, left_out = cleaned(frame.slice(stale).with_columns(pl.col("at").cast(TRACK["at"])), "at", limit)
    points, clock_set = _by_one_clock(points)
    is_faster = is_mostly_faster(steps(points, "at"), limit)
    odd = {Flag.FASTER_THAN_SPORT: is_faster, Flag.STALE_START: stale > 0, Flag.CLOCK_SET: clock_set is not None}
    return Track(
        points.with_columns(_from_zero(points["distance"])).select(*TRACK),
        frame["segment"].slice(stale),
        is_faster,
        left_out | {name: count for name, count in (("point", stale), ("repeated", repeated)) if count},
        frozenset(flag for flag, is_so in odd.items() if is_so),
        clock_set,
    )


def _without_repetitions(frame: pl.DataFrame) -> pl.DataFrame:
    """The points without those that come again: of the time and place of an earlier one, after the clock went on from there.

    An earlier point without a value takes that of its repetition. What follows a repetition goes on from the earlier point.
    Points that follow each other at one time stay: a device without fractions of seconds, or at rest, writes such.
    """
    if frame["at"].drop_nulls().is_sorted():
        return frame
    place = pl.coalesce(pl.when(pl.col("latitude").is_not_nan()).then("latitude"), "distance")
    is_told = pl.col("at").is_not_null() & place.is_not_null()
    point = pl.when(is_told).then(pl.struct("at", "longitude", place.alias("place")))
    numbered = frame.with_row_index("row").with_columns(point=point, moment=pl.col("at").forward_fill().rle_id())
    first, moment = (pl.col(name).first().over("point") for name in ("row", "moment"))
    seen = numbered.with_columns(
        point=pl.when(is_told).then(first).otherwise("row"), again=is_told & (pl.col("moment") != moment)
    )
    values = pl.exclude("row", "at", "segment", "point", "moment", "again")
    follows = pl.when(pl.col("segment").diff() == 0).then(pl.col("point").shift())
    filled = pl.when(pl.col("again").any().over("point")).then(values.drop_nulls().first().over("point"))
    kept = seen.with_columns(values.fill_null(filled), follows=follows).filter(~pl.col("again"))
    breaks = (pl.col("follows") != pl.col("point").shift()).fill_null(value=True)
    return kept.with_columns(segment=breaks.cum_sum().cast(pl.Int64)).select(frame.columns)


def _stale(frame: pl.DataFrame) -> int:
    """The number of points at the start from another day: a few without a way, which a device had not yet written."""
    head = frame["at"].head(HANDFUL + 1)
    leaps = (head.diff() > LEAP * 1_000_000).arg_true()
    first = int(leaps.item(-1)) if leaps.len() else 0
    is_few = 0 < first < frame.height - first
    columns = pl.col("at", "latitude", "longitude", "distance")
    before = frame.head(first).select(columns.max() - columns.min()).row(0)
    still = NO_WAY if before[1] is not None else (MOMENT, *NO_WAY[1:])
    return first if is_few and all((way or 0) < least for way, least in zip(before, still, strict=True)) else 0


def _by_one_clock(points: pl.DataFrame) -> tuple[pl.DataFrame, tuple[datetime, datetime, timedelta] | None]:
    """The points with times of one clock, and `Track.clock_set`: a clock that leaps once, up to the first position, was set.

    The time before ends a usual interval before the leap.
    """
    at, placed = points["at"].forward_fill(), points["latitude"].is_not_null().arg_true()
    step = at.diff()
    leaps = ((step > timedelta(seconds=LEAP)) | (step < timedelta(microseconds=-MOMENT))).arg_true()
    if leaps.len() != 1 or not placed.len() or leaps.item() > placed.item(0):
        return points, None
    leap, before = leaps.item(), at.head(leaps.item())
    later = step.item(leap) - step.median()
    moved = pl.when(pl.int_range(pl.len()) < leap).then(pl.col("at") + later).otherwise("at")
    return points.with_columns(at=moved), (before.min(), before.max(), later)  # type: ignore[return-value]


def _from_zero(distance: pl.Series) -> pl.Series:
    """The distance since the recording began. If it begins again, as on some devices at each lap, the new distance is added.

    Devices count on over the legs of a race: a first distance beyond BEFORE metres is an earlier leg's, and is subtracted.
    """
    told = distance.drop_nulls()
    if told.is_empty():
        return distance
    step = told.diff().fill_null(told.item(0) if told.item(0) <= BEFORE else 0.0)
    new = (told < -step).cast(pl.Float64) * told  # it began again only if it is less than half of the one before
    since = step.zip_with(step >= -BEGINS_AGAIN, new).cum_sum()
    return distance.scatter(distance.is_not_null().arg_true(), since)


def span(track: pl.DataFrame) -> tuple[datetime | None, float | None]:
    """The earliest time and the seconds from there to the latest, in any order of the points."""
    times = _extent(track)
    return (times[0], (times[1] - times[0]).total_seconds()) if times else (None, None)


def clock_flags(track: pl.DataFrame, started_at: datetime | None, received_at: datetime) -> set[Flag]:
    """The faults in the times of a track and in its file's start."""
    flags = set()
    if track["at"].null_count():
        flags.add(Flag.NO_TIMES)
    if not track["at"].drop_nulls().is_sorted():
        flags.add(Flag.UNORDERED_TIMES)
    if (track["at"].drop_nulls().diff().abs() > timedelta(seconds=LEAP)).any():
        flags.add(Flag.CLOCK_LEAP)
    instants = [*_extent(track), *([started_at] if started_at is not None else [])]
    if any(not FIRST_CREDIBLE <= at <= received_at for at in instants):
        flags.add(Flag.WRONG_CLOCK)
    return flags


def _extent(track: pl.DataFrame) -> tuple[datetime, ...]:
    """The earliest and the latest time; empty without times."""
    times = track.select(pl.col("at").min().alias("first"), pl.col("at").max().alias("last")).row(0)
    return () if times[0] is None else times


def problem(flags: Set[Flag], limits: ImportLimits, *, is_kept: bool) -> str | None:
    """The worst problem as a sentence, for a person. `is_kept`: whether the file nevertheless contains an activity."""
    if Flag.OVER_LIMIT in flags:
        return limits.points_exceeded
    sentences = PROBLEMS if is_kept else NOTHING_KEPT
    return next((sentence for flag, sentence in sentences.items() if flag in flags), None)


def limited(flags: Set[Flag], limits: ImportLimits) -> dict[str, int]:
    """`DecodedFile.limited` of a file with these flags."""
    return {"points": limits.points} if Flag.OVER_LIMIT in flags else {}
