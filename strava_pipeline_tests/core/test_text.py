"""What would steer a terminal is shown, and JSON reads back as it was."""

import json
import unicodedata
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strava_pipeline.core.text import at_minute, counted, json_line, printable, wait_in_words

HOSTILE = "a\x1b]0;title\x07b\x9b31mc\u202etxt.exe\u2066d\x7f\re"


def test_what_steers_is_shown() -> None:
    assert printable(HOSTILE) == r"a\x1b]0;title\x07b\x9b31mc\u202etxt.exe\u2066d\x7f\x0de"


@pytest.mark.parametrize(
    ("number", "noun", "words"),
    [
        (1, "file", "1 file"),
        (0, "file", "0 files"),
        (2, "file", "2 files"),
        (1, "activity", "1 activity"),
        (1200, "activity", "1,200 activities"),
        (2, "day", "2 days"),
        (1, "day", "1 day"),
    ],
)
def test_one_thing_is_one_and_several_are_several(number: int, noun: str, words: str) -> None:
    assert counted(number, noun) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (59.0, "59 s"),
        (60.0, "1 min"),
        (61.0, "2 min"),
        (640.0, "11 min"),
        (3600.0, "1 h"),
        (7201.0, "2 h 1 min"),
        (43_000.0, "11 h 57 min"),
    ],
)
def test_a_wait_is_told_in_minutes_that_are_enough(seconds: float, words: str) -> None:
    assert wait_in_words(seconds) == words


def test_a_moment_of_another_zone_is_told_in_utc() -> None:
    there = datetime(2026, 11, 30, 6, 0, tzinfo=timezone(timedelta(hours=1)))
    assert (at_minute(there), at_minute(None)) == ("2026-11-30 05:00 UTC", "")


def test_what_people_write_stays() -> None:
    text = "Lauf 🏃‍♀️ – ‘früh’\n\tשלום שלום سباق 京都"
    assert printable(text) == text


@given(st.text())
def test_no_control_character_but_line_ends_and_tabs_is_left(text: str) -> None:
    left = {unicodedata.category(char) for char in printable(text).replace("\n", "").replace("\t", "")}
    assert "Cc" not in left


@given(
    st.recursive(
        st.text() | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_json_reads_back_as_it_was_and_holds_nothing_that_steers(value: object) -> None:
    line = json_line(value)
    assert json.loads(line) == value
    assert printable(line) == line
