"""Every id, token, key and seed ends in one hexadecimal digit: an extra run shows tests whose outcome is decided by what is drawn.

    python -m strava_pipeline_tests.drawn [words of pytest]

runs the fast suite once, which notes the tests that draw, then these with each of the sixteen digits; it ends with 1 if any failed.
Processes that tests start draw so, too: they find sitecustomize.py in this folder.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent
NOTE = "DRAWN_NOTE"  # the file that names the tests that draw


def pytest_configure() -> None:
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(FOLDER), os.environ.get("PYTHONPATH")]))
    from strava_pipeline_tests.drawn import sitecustomize  # noqa: F401


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    from strava_pipeline_tests.drawn.sitecustomize import drawn

    before = len(drawn)
    found = yield
    if len(drawn) > before and NOTE in os.environ:
        with Path(os.environ[NOTE]).open("a") as note:
            note.write(f"{item.nodeid}\n")
    return found


def main(words: list[str]) -> int:
    """Run the suite seventeen times. Returns the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        note = Path(folder) / "drawing"
        pytest_ = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "strava_pipeline_tests.drawn",
            "-n",
            "auto",
            "--dist",
            "worksteal",
        ]
        codes = [subprocess.call([*pytest_, *words], env={**os.environ, NOTE: str(note)})]
        chosen = Path(folder) / "chosen"
        chosen.write_text("\n".join(sorted({*note.read_text().splitlines()})))
        for digit in "0123456789abcdef":
            print(f"what is drawn ends in {digit}", flush=True)
            codes.append(subprocess.call([*pytest_, f"@{chosen}"], env={**os.environ, "DRAWN_DIGIT": digit}))
    return int(any(codes))
