"""Whose row stands for an activity that several sources show."""

from pathlib import Path

import pytest

from strava_pipeline.core import providers
from strava_pipeline.core.providers import ProviderSpec, best_first, spec_of
from strava_pipeline.core.sources import SOURCES


def test_without_other_providers_the_order_is_that_of_stravas_own_sources() -> None:
    assert best_first(["strava"]) == SOURCES


def test_a_provider_stands_where_its_priority_puts_it_and_before_mere_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(providers, "__path__", [*providers.__path__, str(Path(__file__).parent / "records")])
    assert spec_of("toy").priority == 4
    assert best_first(["strava", "toy"]) == ["strava", "strava_json", "strava_archive", "running_page", "toy", "file"]
    first = ProviderSpec(name="first", title="First", link=None, priority=1, read_page=spec_of("toy").read_page)
    monkeypatch.setattr(providers, "spec_of", lambda name: first if name == "first" else spec_of(name))
    assert best_first(["first", "strava"])[:2] == ["first", "strava"]
