"""What `make size` counts as a line of code, and when it fails."""

import pytest

from strava_pipeline_tests.size import code_lines, unexplained

PYTHON = '''"""Docstring
of two lines."""

import os
from a import (
    b,
)

# a comment
X = """a text

of three lines"""


def f():  # here, too
    "Docstring."
    from c import d
    return (
        d
    )
'''


@pytest.mark.parametrize(
    ("suffix", "text", "lines"),
    [
        (".py", PYTHON, 7),
        (".py", "", 0),
        (".sql", "-- why\n\nSELECT 1 -- one\n/* of\nmany lines */\nFROM t", 2),
        (".js", "// why\n  // more\nf(); // call\n/* of\nmany */ g();\nu = 'https://x'", 3),
        (".css", "/* why */\n:root {\n  --ink: black;\n}\n", 3),
        (".html", "{# why\n#}\n<!-- or\nso -->\n\n<p>{% if a %}</p>\n", 1),
        (".sh", "#!/bin/sh\n\n  # why\necho # here\n", 1),
    ],
)
def test_comments_docstrings_imports_and_blanks_are_no_code(suffix: str, text: str, lines: int) -> None:
    assert code_lines(text, suffix) == lines


def test_a_room_that_grew_by_more_than_a_thirtieth_needs_a_reason_and_a_new_one_begins_with_what_it_has() -> None:
    figures = {"core": 1000, "lake": 1000, "tests": 2000, "serve": 100, "vendored": 1, "grown": {"serve": "maps"}}
    now = {"core": 1030, "lake": 900, "tests": 2061, "serve": 200, "lookups": 500, "vendored": 9}
    assert [sentence.partition(" than")[0] for sentence in unexplained(now, figures)] == ["tests: 61 lines more"]
