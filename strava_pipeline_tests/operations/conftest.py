"""Operations run in the test's own process, whole pipelines among them: each test opens the warehouse once, also a slow one."""

from collections.abc import Iterator

import pytest

from strava_pipeline_tests.open_once import opened_once


@pytest.fixture(autouse=True)
def open_once(request: pytest.FixtureRequest) -> Iterator[None]:
    """The working warehouse is opened once for a test, unless it is marked `closed`."""
    if request.node.get_closest_marker("closed"):
        yield
        return
    with opened_once():
        yield
