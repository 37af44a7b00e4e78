"""Examples in docstrings come out as they say."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WITH_EXAMPLES = sorted(
    path.relative_to(ROOT) for path in ROOT.glob("strava_pipeline/**/*.py") if ">>> " in path.read_text()
)


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=str)
def test_an_example_comes_out_as_it_says(path: Path) -> None:
    found = doctest.testmod(import_module(".".join(path.with_suffix("").parts)))
    assert (found.failed, found.attempted > 0) == (0, True)
