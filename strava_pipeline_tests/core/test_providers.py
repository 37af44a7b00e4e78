"""How a provider's pages are read, whatever the provider."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from strava_pipeline.core.providers import ProviderRow, UnreadableRowError, page_reader

BEGAN = datetime(2025, 5, 5, 8, tzinfo=timezone(timedelta(hours=2)))


@pytest.mark.parametrize(("start", "read"), [(BEGAN, datetime(2025, 5, 5, 6, tzinfo=UTC)), (None, None)])
def test_an_unreadable_row_keeps_the_start_its_provider_read(start: datetime | None, read: datetime | None) -> None:
    def read_row(_: Any) -> ProviderRow:
        raise UnreadableRowError("it has no key", start)

    (item,) = page_reader("acme", list, read_row)([{"start_date": "2001-01-01T00:00:00Z"}]).unreadable
    assert (item.row, item.reason, item.start) == (1, "it has no key", read)
    assert item.start is None or item.start.tzinfo is UTC
