"""Texts for a person in a terminal."""

import pytest

from strava_pipeline.verbs.output import wrapped

KEYS = "https://connect.garmin.com/app/settings/personalApiToken"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a short line", "a short line"),
        ("a line that is longer", "a line that\nis longer"),
        (f"a key is at {KEYS}, once", f"a key is at\n{KEYS},\nonce"),
        ("one well-known-hyphen term", "one\nwell-known-hyphen\nterm"),
        ("first\n\nsecond paragraph", "first\n\nsecond\nparagraph"),
        ("call:\n  strava-pipeline flow-backfill", "call:\n  strava-pipeline flow-backfill"),
    ],
)
def test_lines_break_between_words_and_what_is_to_be_copied_stays_whole(text: str, shown: str) -> None:
    assert wrapped(text, 12) == shown
