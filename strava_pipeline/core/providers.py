"""A provider's record: what the provider offers, and a pure reader of its list. No particular provider is in here.

A provider's record, `SPEC`, is `record.py` in its folder, ingest/NAME, or in its package (sources.py). Its rows
become objects in Strava's shape, because Strava's names are the vocabulary of all sources. A value that a service lacks
is absent, never 0; a value without a column stays in `extra`.
"""

from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from types import MappingProxyType
from typing import Any, Literal

from strava_pipeline.core.deliveries import WebhookSpec
from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.json_values import Json
from strava_pipeline.core.refusals import USUAL, Refusals
from strava_pipeline.core.sources import FILE, SOURCES, STRAVA, hashed_id, import_part, unusable
from strava_pipeline.core.sports import DRIVES
from strava_pipeline.core.unreadable import UnreadableItem, digest_of, kind_of

Capability = Literal[
    "windows",
    "whole",
    "feed",
    "details",
    "streams",
    "files",
    "webhooks",
    "subscription",
    "budget",
    "adds",
    "uploads",
    "creates_gear",
    "hides_starts",
]
Edit = Literal["name", "gear", "duration"]
Kind = Literal["gear", "wellness"]
"""A kind of data besides activities, in answers that are kept whole; also the name of its folder."""
NOT_COUNTED = "not_counted"  # the field of `extra` that says why an activity is in no total
KindReader = Callable[[Any], Sequence[tuple[str, Json]]]
"""The items of an answer, parsed from JSON: each one's id at the service, and its fields by the names of the kind's table."""


class UnreadableRowError(ValueError):
    """A row of a provider's list can't be an activity; the text says why, without any value of the row.

    `start`: when it began, with its offset, if readable: later listings of that time then say what became of it.
    """

    def __init__(self, reason: str, start: datetime | None = None) -> None:
        super().__init__(reason)
        self.start = start


@dataclass(frozen=True, slots=True)
class Withheld:
    """An item of a page that proves that the provider has an activity, but shows nothing of it.

    Args:
        source_id: the activity's id, as text, at the service that it came from.
        local: when it began, by the athlete's clock, or None if not given.
    """

    source_id: str
    local: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReadPage:
    """The content of a page of a provider's list.

    Args:
        activities: in Strava's shape.
        unreadable: the items that can't be activities.
        foreign: how many items belong to another service and were skipped, including withheld ones.
        withheld: the items that the provider has but doesn't show.
    """

    activities: list[Json] = field(repr=False)
    unreadable: list[UnreadableItem] = field(default_factory=list, repr=False)
    foreign: int = 0
    withheld: list[Withheld] = field(default_factory=list, repr=False)


@dataclass(frozen=True, slots=True)
class ProviderRow:
    """One activity of a provider's list.

    Args:
        source_id: the provider's own id, as text.
        summary: the fields of Strava's SummaryActivity that the row gives, without `id`.
        links: ids of the same activity at other sources, by source, as far as the row gives them.
        not_counted: why insights and totals leave the activity out, such as a leg of another one; None if counted.
    """

    source_id: str
    summary: Json = field(repr=False)
    links: Mapping[str, str] = field(default_factory=dict)
    not_counted: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSpec:
    """What a provider offers.

    Args:
        name: the value of `source` in every table, and the name of its folders.
        title: the service's name, as the service writes it.
        link: the address of an activity, with `{source_id}`, or None.
        precedence: which source's row (id and numbers) represents an activity that several sources show; the lowest
            number wins. Strava's is 1.
        priority: which source's name and gear count for such an activity: the lowest number that has any. Strava has 3.
            A person may choose another one in providers.toml.
        read_page: reads the body of a page, parsed from JSON.
        id_field: the field of a page's items that has the service's own id of an activity.
        is_numbering: whether the lake's ids of its activities are the service's own numbers.
        paged: whether a listing comes in pages of the size that is asked for; if not, a year is one answer.
        rows_a_call: the maximum number of new rows in a page, whatever size is asked for.
        quiet_day_calls: the calls of a run from the watermark if nothing changed; gear, once a week, comes on top.
        days_calls: the calls for days and nights of the last week, and of a year; they come on top where these are wanted.
        by_hand: whether a person wrote the rows, with starts to the minute or the day.
        for_whom: whom the service suits, as a phrase for the list from which a person chooses.
        login_steps: how a person gets what the login needs, as sentences.
        withheld: where the service withholds activities: what the user can do about it, as sentences.
        oldest_first: whether a listing of a window with a beginning starts with its oldest activity.
        capabilities: `windows`: lists by range of time, without which each listing is of everything; `feed`: says what
            changed since a cursor; `whole`: shows all that it has at once, without calls, in place of `windows`; `details`:
            has more of each activity, for a call; `streams`: has its points, for a call; `files`: gives the file of an
            activity; `webhooks`: says by itself that something changed, which takes `webhooks` below; `subscription`: by one
            subscription of the application (ingest/NAME/subscriptions.py); `budget`: calls are counted in a budget that
            processes share; `adds`: a row can be added for an activity; `uploads`: takes the file of an activity;
            `creates_gear`: takes new gear; `hides_starts`: shows a start that its owner hid as 00:00:01.
        edits: what can be changed there (ingest/NAME/writes.py).
        kinds: what the service gives in addition to activities, with the reading of each kind.
        gear_of_activity: where rows do not name the gear and a call per activity does: reads its answer, parsed from JSON, as
            the id of the gear, or None. Raises ValueError for any other answer.
        has_gear_apart: the gear of a listing's rows comes by calls of their own: a row without `gear_id` doesn't say that
            there is none.
        webhooks: how its deliveries are verified and read, or None.
        refusals: what a 401 and a 403 mean, and other statuses that refuse a login or a call.
        commands: its own commands to log in and to compare years, if they differ from those of `providers`.
        sport_words: the field of its rows that has the service's own word for the sport, and the words that are mapped; None:
            an unmapped word becomes `sport_type` as it is.
        unnamed: whether what is kept of it has names without the service's, as what was there before other services has.
    """

    name: str
    title: str
    link: str | None
    precedence: int
    priority: int
    read_page: Callable[[Any], ReadPage]
    id_field: str = "id"
    is_numbering: bool = False
    paged: bool = True
    rows_a_call: int = 200  # the largest size that is asked for
    quiet_day_calls: int = 1
    days_calls: tuple[int, int] = (1, 1)
    by_hand: bool = False
    for_whom: str = ""
    login_steps: str = ""
    withheld: str = ""
    oldest_first: bool = False
    capabilities: frozenset[Capability] = frozenset()
    edits: frozenset[Edit] = frozenset()
    kinds: Mapping[Kind, KindReader] = field(default_factory=dict)
    gear_of_activity: Callable[[Any], str | None] | None = None
    has_gear_apart: bool = False
    webhooks: WebhookSpec | None = None
    refusals: Refusals = USUAL
    commands: Mapping[Literal["login", "pull"], str] = field(default_factory=dict)
    sport_words: tuple[str, Collection[str]] | None = None
    unnamed: bool = False

    def command(self, what: Literal["login", "pull"]) -> str:
        """The command that a person types to log in, or to compare years."""
        return f"strava-pipeline {self.commands.get(what, f'providers {what} {self.name}')}"

    def activity_id(self, source_id: object) -> int:
        """The id in the lake of the activity that has this id at the service."""
        text = str(source_id)
        return int(text) if self.is_numbering and text.isdigit() else hashed_id(self.name, text)

    def without(self, content: Any, ids: Set[int]) -> Any:
        """A page's content, parsed from JSON, without the activities `ids` (in the lake), and without what a client laid
        beside them by their ids at the service; `[]` if it is about one alone.
        """

        def is_about(item: Any) -> bool:
            return isinstance(item, dict) and self.activity_id(item.get(self.id_field)) in ids

        if isinstance(content, list):
            return [item for item in content if not is_about(item)]
        if isinstance(content, dict):
            is_alone = is_about(content) or any(map(is_about, content.values()))
            left = {name: part for name, part in content.items() if self.activity_id(name) not in ids}
            return [] if is_alone else {name: self.without(part, ids) for name, part in left.items()}
        return content

    def originals_with(self, content: Any, ids: Set[int]) -> set[str]:
        """The hashes of the kept originals of a page, parsed from JSON, that hold any of the activities `ids`."""
        return set()

    def suffix(self, mark: str) -> str:
        """The ending of this service's names: its own name after `mark`, or nothing."""
        return "" if self.unnamed else f"{mark}{self.name}"


@cache
def spec_of(source: str) -> ProviderSpec:
    """The record of the provider `source`.

    Raises UnusableSourceError if an installed package's record can't be used; PipelineError if no record exists.
    """
    try:
        module = import_part(source, "record")
    except ModuleNotFoundError as error:
        # a source that imports alone have has no folder
        if not str(error.name).endswith((f".{source}", f".{source}.record")):
            raise
        module = None
    if module is None:
        raise PipelineError(
            f"This version knows no provider {source}, but data/bronze/providers has a folder of that name. Update "
            "strava_pipeline, install the package that brings the provider, or move the folder away."
        )
    found = getattr(module, "SPEC", None)
    if not isinstance(found, ProviderSpec) or found.name != source:
        raise unusable(source, f"{module.__name__} has no SPEC, a ProviderSpec with the name {source}")
    return found


NEVER_FIRST = 999
"""The priority of a provider whose name and gear never count for an activity that another provider shows."""


def best_first(providers: Sequence[str]) -> list[str]:
    """All sources, including these providers, in the order in which their rows represent an activity: by precedence."""
    return _in_order(providers, lambda name: spec_of(name).precedence)


def naming_order(providers: Sequence[str], chosen: Mapping[str, int] = MappingProxyType({})) -> list[str]:
    """All sources, including these providers, in the order in which their names and gear count: by priority.

    `chosen`: priorities by provider, which override those of the records.
    """
    return _in_order(providers, lambda name: chosen[name] if name in chosen else spec_of(name).priority)


def _in_order(providers: Sequence[str], number_of: Callable[[str], int]) -> list[str]:
    """At the same number Strava comes first, then the names in alphabetical order. Imports of Strava have Strava's number."""
    rank = {name: (number_of(STRAVA), place) for place, name in enumerate(SOURCES)}
    rank |= {FILE: (NEVER_FIRST + 1, 0)}  # a file alone says least, whatever provider comes
    rank |= {name: (number_of(name), len(SOURCES)) for name in providers if name not in rank}
    return sorted(rank, key=lambda name: (rank[name], name))


def page_reader(
    name: str, rows: Callable[[Any], Sequence[Any]], read_row: Callable[[Json], ProviderRow | Withheld | None]
) -> Callable[[Any], ReadPage]:
    """A provider's `read_page`, from a function that takes a page apart and one that reads a row.

    Args:
        rows: the items of a page's content; raises UnreadableRowError where the content is no page.
        read_row: an item as an activity; None for an item of another service, such as a stub of another
            service's activity, and is passed over; Withheld: such a stub with its id; raises UnreadableRowError.
    """

    def read_page(content: Any) -> ReadPage:
        activities: list[Json] = []
        others: list[UnreadableItem] = []
        withheld: list[Withheld] = []
        foreign = 0
        for number, item in enumerate(rows(content), start=1):
            try:
                if not isinstance(item, dict):
                    raise UnreadableRowError(f"it is {kind_of(item)} and not an object")
                row = read_row(item)
            except UnreadableRowError as error:
                start = None if error.start is None else error.start.astimezone(UTC)
                others.append(UnreadableItem(number, str(error), digest_of(item), start))
                continue
            except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
                # One row must not keep the others from coming. The error's own text may hold a value.
                why = f"it holds a value that can't be read ({type(error).__name__})"
                others.append(UnreadableItem(number, why, digest_of(item)))
                continue
            if not isinstance(row, ProviderRow):
                foreign += 1
                withheld += [row] if row is not None else []
                continue
            activity = {**row.summary}
            if row.links:
                activity["links"] = dict(row.links)
            drive = "driving is no sport" if str(activity.get("sport_type")).lower() in DRIVES else None
            if reason := row.not_counted or drive:
                activity[NOT_COUNTED] = reason
            activity["id"], activity["source_id"] = hashed_id(name, row.source_id), row.source_id
            activities.append(activity)
        return ReadPage(activities, others, foreign, withheld)

    return read_page
