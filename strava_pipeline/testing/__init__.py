"""The contract that every provider has to pass, for the tests of a provider's author. Only tests import this; it needs pytest.

A test file of a package that brings a provider is

    class TestAcme(ProviderContract):
        def subject(self, patch):
            return running_acme(patch)  # a context manager: the emulator, running, as a `Subject`

and pytest then runs all that a class has inherited.
"""

import pytest

pytest.register_assert_rewrite(
    *(f"{__name__}.{part}_contract" for part in ("listing", "failure", "files", "edits", "login"))
)

from strava_pipeline.testing.contract import ProviderContract  # noqa: E402  # behind what rewrites its assertions
from strava_pipeline.testing.login_contract import SECRET, LoginFileContract  # noqa: E402
from strava_pipeline.testing.subjects import GPX, NOW, ChangeableSubject, Subject, fit_of  # noqa: E402
from strava_pipeline.testing.worlds import World  # noqa: E402

__all__ = [
    "GPX",
    "NOW",
    "SECRET",
    "ChangeableSubject",
    "LoginFileContract",
    "ProviderContract",
    "Subject",
    "World",
    "fit_of",
]
