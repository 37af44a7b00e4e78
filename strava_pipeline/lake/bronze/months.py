"""The local months that a provider's listings cover, and since when the provider is connected; from manifests alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from strava_pipeline.lake.bronze.listings import listings
from strava_pipeline.lake.bronze.manifests import Manifest
from strava_pipeline.lake.paths import Lake

_BEGINNING = datetime(1, 1, 2, tzinfo=UTC)  # a day later than the first: any zone can write it
Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Pulled:
    """The coverage by complete listings of a provider's newest account.

    Args:
        account: None for Strava's athlete, or a provider without accounts.
        connected_at: when the first listing of the provider began (UTC).
        listed: for each complete listing, the span that it covers, and when its last page came (UTC).
        zone: of the athlete's home, which defines the months.
    """

    account: str | None
    connected_at: datetime
    listed: Sequence[tuple[Span, datetime]]
    zone: ZoneInfo

    def covers(self, month: str, now: datetime) -> bool:
        """Whether the whole month was listed; for the present month, everything up to some moment of it."""
        begin, end = month_span(month, self.zone)
        reach = begin
        for (first, last), _ in sorted(self.listed):
            if first <= reach:
                reach = max(reach, last)
        return reach >= end or (end > now and reach > begin)

    def last_at(self, month: str) -> datetime | None:
        """When (UTC) a listing that contains any of the month was last complete, or None."""
        begin, end = month_span(month, self.zone)
        return max((at for (first, last), at in self.listed if first < end and begin < last), default=None)

    @property
    def newest_at(self) -> datetime | None:
        """When (UTC) a listing was last complete, or None."""
        return max((at for _, at in self.listed), default=None)


def pulled(lake: Lake, source: str, zone: ZoneInfo) -> Pulled | None:
    """The coverage of the listings of `source`, or None if it has no listing."""
    every = [listing.manifest for listing in listings(lake, source)]
    if not every:
        return None
    account = every[-1].account
    whole = [each for each in every if each.account == account and each.complete and _covers_a_time(each)]
    return Pulled(account, every[0].started_at, [(_span(each), each.fetched_at) for each in whole], zone)


def _covers_a_time(manifest: Manifest) -> bool:
    """Whether it contains everything in a span; a feed does, because it continues a listing of everything."""
    return not manifest.window.names_single_activities or manifest.window.cursor is not None


def _span(manifest: Manifest) -> Span:
    window = manifest.window
    first = _BEGINNING if window.after is None else datetime.fromtimestamp(window.after, UTC)
    last = manifest.started_at if window.before is None else datetime.fromtimestamp(window.before, UTC)
    return first, min(last, manifest.started_at)


def month_span(month: str, zone: ZoneInfo) -> Span:
    """From the beginning of a month, as 2026-10, to the beginning of the next one, in a zone."""
    first = datetime.fromisoformat(f"{month}-01").replace(tzinfo=zone)
    return first, (first + timedelta(days=31)).replace(day=1)
