"""What `make size` counts as a line of code, and when it fails."""

import pytest

from strava_pipeline_tests.size import code_lines, exceeded

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


def test_a_total_above_its_limit_is_an_error_that_names_what_grew() -> None:
    limits = {"core": 60, "lake": 30, "product": 90, "tests": 50}
    assert not list(exceeded({"core": 70, "lake": 20, "product": 90, "tests": 50}, limits))
    more = exceeded({"core": 70, "lake": 20, "verbs": 5, "product": 95, "tests": 51}, limits)
    assert [sentence.partition(". Delete")[0] for sentence in more] == [
        "product: 5 lines above the limit in .ci/size.toml (grown: core by 10, verbs by 5)",
        "tests: 1 lines above the limit in .ci/size.toml",
    ]
