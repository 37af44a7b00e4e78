"""The whole contract of a provider."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from strava_pipeline.testing.days_contract import DaysContract
from strava_pipeline.testing.edits_contract import EditsContract
from strava_pipeline.testing.failure_contract import FailureContract
from strava_pipeline.testing.files_contract import FilesContract
from strava_pipeline.testing.listing_contract import ListingContract
from strava_pipeline.testing.subjects import Subject
from strava_pipeline.testing.worlds import World, world_of


class ProviderContract(ListingContract, FailureContract, FilesContract, EditsContract, DaysContract):
    """Inherited by a test class, which has `subject`; capabilities that a provider lacks are skipped."""

    def subject(self, patch: pytest.MonkeyPatch) -> AbstractContextManager[Subject]:
        """The provider's emulator, running at an address set by the settings of the subject, or by `patch`."""
        raise NotImplementedError

    @pytest.fixture
    def world(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
        """The subject with an empty data folder."""
        with world_of(self.subject(monkeypatch), tmp_path, monkeypatch) as found:
            yield found

    @pytest.fixture(autouse=True)
    def _ordered_faults_are_met(self, world: World) -> Iterator[None]:
        """Check that ordered faults hit a call: a test whose fault hits none proves nothing."""
        yield
        world.check_faults_are_met("the test")
