"""Which worker gets which tests in `make test-all`: a file at a time, so that what its tests share is set up once.

Files of fast tests come first, and at the end no worker is alone with a long one: see conftest.py for the order.
"""

import pytest
from xdist.scheduler import LoadFileScheduling

BY_TEST = ("e2e/", "test_launches")
"""In these files each test has minutes and folders of its own, and goes to whoever is free."""


class ByFile(LoadFileScheduling):
    """In the order of the tests, not of the size of their files."""

    def __init__(self, config: pytest.Config, log: object = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return nodeid if any(part in nodeid for part in BY_TEST) else str(super()._split_scope(nodeid))
