"""What `make size` counts as a line of code, and when it fails."""

import pytest

from strava_pipeline_tests.size import code_lines, overspent, raised, spent

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


def test_what_all_subjects_add_is_at_most_what_they_were_allowed() -> None:
    figures = {"core": 1000, "lake": 1000, "tests": 2000, "vendored": 1}
    allowed = {"maps": {"product": 60, "tests": 100}, "less": {"product": -20, "tests": 0}}
    now = {"core": 1030, "lake": 1000, "tests": 2101, "lookups": 11, "vendored": 900}
    balance = spent(now, figures | {"allowed": allowed})
    assert balance == {"product": (41, 40), "tests": (101, 100)}
    assert [each.partition(",")[0] for each in overspent(balance)] == [
        "product: delete 1 lines",
        "tests: delete 1 lines",
    ]
    assert [*overspent({"product": (40, 40), "tests": (-9, 0)})] == []


def test_an_allowance_is_never_raised() -> None:
    before = {"maps": {"product": 60, "tests": 100}, "done": {"product": 1, "tests": 1}}
    now = {"maps": {"product": 61, "tests": 90}, "new": {"product": 500, "tests": 0}}
    assert [*raised(now, [{}, before])] == ["maps: 60 lines of product were allowed, and are not raised to 61."]
    assert [*raised(before, [now, before])] == ["maps: 90 lines of tests were allowed, and are not raised to 100."]
