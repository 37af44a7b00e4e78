"""What is said of a file of which not all could be read. Neither a position nor a word of the file is in it."""

from collections.abc import Set

from strava_pipeline.core.files.recording import Flag
from strava_pipeline.core.size_limits import ImportLimits

PROBLEMS = {
    Flag.DAMAGED: "A part of the file could not be read; the rest is kept.",
    Flag.TRUNCATED: "The file ends in the middle; what stands before is kept.",
    Flag.BAD_CHECKSUM: "The file's checksum doesn't match; what it says is kept.",
}


def problem(flags: Set[Flag], limits: ImportLimits = ImportLimits()) -> str | None:
    """The worst of them in a sentence."""
    if Flag.OVER_LIMIT in flags:
        return limits.points_exceeded
    return next((sentence for flag, sentence in PROBLEMS.items() if flag in flags), None)


def limited(flags: Set[Flag], limits: ImportLimits) -> dict[str, int]:
    """`DecodedFile.limited` of a file with these flags."""
    return {"points": limits.points} if Flag.OVER_LIMIT in flags else {}
