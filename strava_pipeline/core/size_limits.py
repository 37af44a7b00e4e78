"""How large data from outside may be, as records that readers get; and the sentence of each refusal.

Sizes are measured while data arrives: the size that an answer, a file or an archive declares decides nothing. A person sets the
numbers (settings.py); the defaults here are the same.
"""

import sys
from dataclasses import dataclass

MEGABYTE = 1_000_000
ANSWER_LIMIT_MB = "STRAVA_ANSWER_LIMIT_MB"
IMPORT_LIMIT_MB = "STRAVA_IMPORT_LIMIT_MB"
IMPORT_FILE_LIMIT_MB = "STRAVA_IMPORT_FILE_LIMIT_MB"
IMPORT_POINTS_LIMIT = "STRAVA_IMPORT_POINTS_LIMIT"
TRIPS_COLUMN_LIMIT_MB = "TRIPS_COLUMN_LIMIT_MB"
_MESSAGES_PER_POINT = 2.5  # a FIT file has one or two messages beside each point: heartbeats, a device's own
_FEWEST_MESSAGES = 5_000_000  # a heart-rate monitor alone writes millions of messages and not one point


@dataclass(frozen=True, slots=True)
class AnswerLimit:
    """The limit of an HTTP answer, in bytes unpacked. `setting`: its name; None where no honest answer comes near the limit."""

    most_bytes: int = 64 * MEGABYTE  # a day's streams, second by second, are some 10 MB
    setting: str | None = ANSWER_LIMIT_MB

    @property
    def exceeded(self) -> str:
        """The end of a sentence that begins with "the answer"."""
        what = f"is larger than {megabytes(self.most_bytes)}, measured unpacked"
        return f"{what}. If it has to be, raise {self.setting}" if self.setting else what


SMALL_ANSWER = AnswerLimit(1 * MEGABYTE, None)  # servers that answer with a number or a line send a kilobyte or two


@dataclass(frozen=True, slots=True)
class ImportLimits:
    """The limits of imports: bytes of a file, points of a file, bytes of a whole import; all unpacked."""

    file_bytes: int = 100 * MEGABYTE  # the longest recordings of real archives stay below 60 MB
    points: int = 2_000_000  # 23 days of a point a second; 180 MB as a frame
    total_bytes: int = 100_000 * MEGABYTE  # real archives, photos included, have some gigabytes

    @property
    def messages(self) -> int:
        """The limit of messages in a FIT file, since a file may hold millions without a point."""
        return max(_FEWEST_MESSAGES, int(_MESSAGES_PER_POINT * self.points))

    @property
    def file_exceeded(self) -> str:
        """The message for a file larger than `file_bytes`."""
        return (
            f"It is larger than {megabytes(self.file_bytes)} unpacked; it was not read. To read it, raise "
            f"{IMPORT_FILE_LIMIT_MB} and run `strava-pipeline rebuild`."
        )

    @property
    def points_exceeded(self) -> str:
        """The message for a file with more than `points` or `messages`."""
        return (
            f"It holds more than {self.points:,} points or {self.messages:,} messages; what stands before is kept. To read "
            f"all of it, raise {IMPORT_POINTS_LIMIT} and run `strava-pipeline rebuild`."
        )


UNLIMITED = ImportLimits(sys.maxsize, sys.maxsize, sys.maxsize)  # for data that was within the limits when it arrived


@dataclass(frozen=True, slots=True)
class TripLimits:
    """The limits of encrypted trips: bytes of one column of a trip, as in the source, and of the trips in memory at once."""

    column_bytes: int = 100 * MEGABYTE  # 600,000 points; a week of a point a second
    bytes_at_once: int = 64 * MEGABYTE  # 400,000 points; a single trip may have more

    @property
    def exceeded(self) -> str:
        """The end of a sentence that begins with the name of a column."""
        return (
            f"is larger than {megabytes(self.column_bytes)} and was not opened. If it has to be that large, raise "
            f"{TRIPS_COLUMN_LIMIT_MB}"
        )


def megabytes(size: int) -> str:
    """A size in words, rounded up to whole megabytes, so that a size above a limit never looks like the limit."""
    return f"{-(-size // MEGABYTE):,} MB"
