"""What is said of a file of which not all could be read. Neither a position nor a word of the file is in it."""

from collections.abc import Set

from strava_pipeline.core.files.recording import Flag

PROBLEMS = {
    Flag.DAMAGED: "A part of the file could not be read; the rest is kept.",
    Flag.TRUNCATED: "The file ends in the middle; what stands before is kept.",
    Flag.BAD_CHECKSUM: "The file's checksum doesn't match; what it says is kept.",
}


def problem(flags: Set[Flag]) -> str | None:
    """The worst of them in a sentence."""
    return next((sentence for flag, sentence in PROBLEMS.items() if flag in flags), None)
