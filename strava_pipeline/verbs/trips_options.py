"""What the verbs for trips share: their options, and from these to keys, filters and bundles."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from strava_pipeline.core.trips.activity.bundle import Bundle
    from strava_pipeline.core.trips.activity.verdict import Verdict
    from strava_pipeline.ingest.trips.keys import KeyRing
    from strava_pipeline.ingest.trips.read import Tally
    from strava_pipeline.ingest.trips.table import Filters
    from strava_pipeline.settings import Settings


class Format(StrEnum):
    """How a verb answers."""

    TEXT = "text"
    JSON = "json"


_FILTERS = "Which trips"
_FROM = "Where from"
Source = Annotated[
    str | None,
    typer.Option(
        help="sqlite:///…, parquet:///… or postgresql://… (setting TRIPS_SOURCE).",
        rich_help_panel=_FROM,
        show_default=False,
    ),
]
KeysFile = Annotated[
    Path | None,
    typer.Option(
        help='JSON {"keys": ["newest", …]} (setting TRIPS_KEYS_FILE).', rich_help_panel=_FROM, show_default=False
    ),
]
KeysEnv = Annotated[
    str | None,
    typer.Option(
        help="Name of an environment variable with the keys, instead of a file.",
        rich_help_panel=_FROM,
        show_default=False,
    ),
]
ExternalIds = Annotated[
    list[str] | None, typer.Option("--external-id", help="This trip; may be repeated.", rich_help_panel=_FILTERS)
]
Statuses = Annotated[
    list[str] | None, typer.Option("--status", help="Stored status; may be repeated.", rich_help_panel=_FILTERS)
]
ReviewStatuses = Annotated[
    list[str] | None, typer.Option("--review-status", help="Review status; may be repeated.", rich_help_panel=_FILTERS)
]
OnlyWithFeedback = Annotated[
    bool, typer.Option("--only-with-feedback", help="Trips that a person said something of.", rich_help_panel=_FILTERS)
]
Comments = Annotated[
    list[str] | None,
    typer.Option("--comment", help="Trips with this comment code; may be repeated.", rich_help_panel=_FILTERS),
]
Limit = Annotated[int | None, typer.Option(min=0, help="At most so many, the latest ones.", rich_help_panel=_FILTERS)]
FormatOption = Annotated[Format, typer.Option("--format", help="text or json.")]
ExportFormat = Annotated[Format, typer.Option("--format", help="json; an export is nothing else.")]
Out = Annotated[
    Path | None, typer.Option(help="Write to this file (mode 0600), not inside a git repository.", show_default=False)
]


StatusMeans = Annotated[
    list[str] | None,
    typer.Option(
        help="What a stored status means, as in done=accepted; may be repeated. Others but accepted and rejected need review.",
        metavar="STATUS=VERDICT",
    ),
]


def meanings(told: list[str] | None) -> "Mapping[str, Verdict]":
    """What stored statuses mean: accepted and rejected themselves, and what was typed."""
    from strava_pipeline.core.errors import MisuseError
    from strava_pipeline.core.trips.activity.replay import STATUSES
    from strava_pipeline.core.trips.activity.verdict import Verdict

    known = dict(STATUSES)
    for text in told or ():
        status, _, verdict = text.partition("=")
        if not status or verdict not in set(Verdict):
            raise MisuseError(
                f"--status-means {text!r}: write STATUS=VERDICT, a verdict being one of {', '.join(Verdict)}."
            )
        known[status] = Verdict(verdict)
    return known


def filters_of(
    external_ids: list[str] | None,
    statuses: list[str] | None,
    review_statuses: list[str] | None,
    only_with_feedback: bool,
    comments: list[str] | None,
    limit: int | None,
) -> "Filters":
    """The filters as they were typed."""
    from strava_pipeline.ingest.trips.table import Filters

    return Filters(
        tuple(external_ids or ()),
        tuple(statuses or ()),
        tuple(review_statuses or ()),
        only_with_feedback,
        tuple(comments or ()),
        limit,
    )


def file_alone(source: str | None, keys_file: Path | None, keys_env: str | None) -> None:
    """An export beside a source would leave open which one was asked."""
    from strava_pipeline.core.errors import MisuseError

    if not (source is None and keys_file is None and keys_env is None):
        raise MisuseError("A file or a source with its keys: not both.")


def key_ring(settings: "Settings", keys_file: Path | None, keys_env: str | None) -> "KeyRing":
    """The keys: of --keys-file, of --keys-env, else of the settings."""
    from strava_pipeline.core.errors import MisuseError
    from strava_pipeline.ingest.trips.connect import trip_keys
    from strava_pipeline.ingest.trips.keys import KeyRing

    if keys_file is not None and keys_env is not None:
        raise MisuseError("--keys-file and --keys-env: one of them.")
    if keys_file is not None:
        return KeyRing.from_file(keys_file)
    if keys_env is not None:
        return KeyRing.from_text(settings.variable(keys_env).get_secret_value(), keys_env)
    return trip_keys(settings)


@contextmanager
def batches_of(
    source: str | None, keys_file: Path | None, keys_env: str | None, filters: "Filters", *, at_most: int | None = None
) -> "Iterator[Iterator[list[Bundle]]]":
    """The trips of the source that the filters let through, in batches, while the body runs.

    MisuseError where no trip has what a filter names; and where it is known beforehand that there are more than `at_most`.
    """
    from strava_pipeline.core.errors import MisuseError
    from strava_pipeline.ingest.trips.connect import trip_source
    from strava_pipeline.ingest.trips.read import Tally, in_order, read_bundles, refuse_unknown
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.terminal import watched

    settings = Settings.load()
    keys = key_ring(settings, keys_file, keys_env)
    tally = Tally(keys=keys.count)
    with trip_source(settings, source) as opened:
        refuse_unknown(opened, filters)
        order = in_order(opened, filters)
        total = None if filters.needs_feedback else len(order[: filters.limit])
        if at_most is not None and (total or 0) > at_most:
            raise MisuseError(f"{total} trips: a page holds {at_most}. Choose some, as with --limit {at_most}.")
        with watched("Reading trips", total) as advance:
            yield _counted(read_bundles(opened, keys, filters, order=order), tally, advance)
    _say_tally(tally)


def _counted(
    batches: "Iterator[list[Bundle]]", tally: "Tally", advance: "Callable[[int], None]"
) -> "Iterator[list[Bundle]]":
    for batch in batches:
        tally.add(batch)
        yield batch
        advance(len(batch))


def _say_tally(tally: "Tally") -> None:
    """What reading came to, on stderr: columns by state, and which key opened how many."""
    from strava_pipeline.verbs.terminal import err

    for column, states in tally.counts.items():
        told = ", ".join(f"{count} {state}" for state, count in states.items() if count)
        err.print(f"{column}: {told or 'none'}")
    err.print(f"keys used: {', '.join(f'{index}: {count}' for index, count in tally.keys_used.items()) or 'none'}")
