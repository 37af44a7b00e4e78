"""The local years that are partitions, and the time window of a listing of a year or a month.

Strava's `after` and `before` are exclusive epoch seconds and compare `start_date`, the instant. The year of an activity
is that of its local start, up to 14 hours apart, so the window of a year or a month is a day wider on both sides. Only
the standard library is imported: commands that only read need this module.
"""

from calendar import monthrange
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

YEARS_A_RUN = 5  # of a backfill, at most; docs/adr/0003
_MARGIN = timedelta(days=1)  # zones reach from -12 to +14 hours


@dataclass(frozen=True, slots=True)
class YearRange:
    """The partitions, first and newest local year, both included."""

    first: int
    newest: int

    def __post_init__(self) -> None:
        if self.first > self.newest:
            raise ValueError(f"first year {self.first} is after the newest year {self.newest}")

    def since(self, year: int) -> list[int]:
        """The partitions from `year` on."""
        return list(range(year, self.newest + 1))

    @property
    def all(self) -> list[int]:
        """Every partition."""
        return self.since(self.first)

    def clamp(self, year: int) -> int:
        """The partition that a local year belongs to."""
        return min(max(year, self.first), self.newest)


def year_window(first: int, last: int, years: YearRange) -> tuple[int | None, int | None]:
    """(after, before) around the local years `first` to `last`; the first partition has no start, the newest no end."""
    after = None if first <= years.first else int((_new_year(first) - _MARGIN).timestamp())
    before = None if last >= years.newest else int((_new_year(last + 1) + _MARGIN).timestamp())
    return after, before


def stretches(years: Iterable[int], at_most: int | None = None) -> list[list[int]]:
    """The years, ascending, in stretches without a gap; `at_most`: the maximum number of years in a stretch.

    >>> stretches([2019, 2020, 2021, 2023], at_most=2)
    [[2019, 2020], [2021], [2023]]
    """
    found: list[list[int]] = []
    for year in sorted(set(years)):
        if found and found[-1][-1] == year - 1 and len(found[-1]) != at_most:
            found[-1].append(year)
        else:
            found.append([year])
    return found


def span_of(years: Collection[int]) -> list[int]:
    """Every year from the first to the last of some years, ascending."""
    return list(range(min(years), max(years) + 1))


def years_of_runs(years: Iterable[int]) -> list[list[int]]:
    """The years of each run for whole years, the newest first; the same split as a Dagster backfill's."""
    return stretches(years, YEARS_A_RUN)[::-1]


def month_end(day: date) -> date:
    """The last day of the month of a day."""
    return day.replace(day=monthrange(day.year, day.month)[1])


def month_window(month: str) -> tuple[int, int]:
    """(after, before) around the local month `month`, as 2026-10."""
    first = datetime.fromisoformat(f"{month}-01").replace(tzinfo=UTC)
    after = first + timedelta(days=31)  # in the next month
    return int((first - _MARGIN).timestamp()), int((after.replace(day=1) + _MARGIN).timestamp())


def months_within(first: str, last: str) -> list[str]:
    """The months from `first` to `last`, both included, as 2026-10; empty if `last` is before `first`.

    >>> months_within("2026-11", "2027-01")
    ['2026-11', '2026-12', '2027-01']
    """
    begin, end = (int(month[:4]) * 12 + int(month[5:]) - 1 for month in (first, last))
    return [f"{place // 12:04}-{place % 12 + 1:02}" for place in range(begin, end + 1)]


def years_since(start: datetime | None, years: YearRange) -> list[int]:
    """The partitions that a listing from `start` may touch; all of them if it has no start."""
    first = years.first if start is None else years.clamp((start - _MARGIN).year)
    return years.since(first)


def _new_year(year: int) -> datetime:
    return datetime(year, 1, 1, tzinfo=UTC)


def years_by_day(found: Mapping[int, datetime], day_text: Callable[[datetime], str] = "{:%Y-%m-%d}".format) -> str:
    """Years with a moment each, in words, grouped by day, the newest first: 2025–2026 on 2026-11-22, 2024 on …"""
    spans: list[tuple[int, int, datetime]] = []
    for year, at in sorted(found.items(), reverse=True):
        if spans and spans[-1][0] == year + 1 and spans[-1][2].date() == at.date():
            spans[-1] = (year, *spans[-1][1:])
        else:
            spans.append((year, year, at))
    return ", ".join(f"{first if first == last else f'{first}–{last}'} on {day_text(at)}" for first, last, at in spans)
