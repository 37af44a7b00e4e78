"""The whole contract of a provider."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from strava_pipeline.testing.edits_contract import EditsContract
from strava_pipeline.testing.failure_contract import FailureContract
from strava_pipeline.testing.files_contract import FilesContract
from strava_pipeline.testing.listing_contract import ListingContract
from strava_pipeline.testing.subjects import Subject
from strava_pipeline.testing.worlds import World, world_of


class ProviderContract(ListingContract, FailureContract, FilesContract, EditsContract):
    """Inherited by a test class, which has `subject`; what a provider does not offer is skipped."""

    def subject(self, patch: pytest.MonkeyPatch) -> AbstractContextManager[Subject]:
        """The provider's emulator, running at an address that the settings of the subject, or `patch`, lead to."""
        raise NotImplementedError

    @pytest.fixture
    def world(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
        """The subject beside an empty data folder."""
        with world_of(self.subject(monkeypatch), tmp_path, monkeypatch) as found:
            yield found

    @pytest.fixture(autouse=True)
    def _ordered_faults_are_met(self, world: World) -> Iterator[None]:
        """A test whose fault hits no call proves nothing."""
        yield
        world.check_faults_are_met("the test")
