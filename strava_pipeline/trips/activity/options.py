"""Options of `trips activity`, and their choices: the source, the keys, the filters, the meaning of stored statuses.

Trips are read here, batch by batch, for every command that shows or replays them. Only counts are printed, on stderr.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.trips.activity.reading.keys import KeyRing
    from strava_pipeline.trips.activity.reading.read import Tally
    from strava_pipeline.trips.activity.reading.source import Filters
    from strava_pipeline.trips.activity.rules.bundle import Bundle
    from strava_pipeline.trips.activity.rules.replay import Sweep
    from strava_pipeline.trips.activity.rules.verdict import Verdict


class Format(StrEnum):
    """The format of a command's output."""

    TEXT = "text"
    JSON = "json"


_FILTERS = "Which trips"
_FROM = "Where from"
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


@dataclass(frozen=True)
class ReadFrom:
    """The source of trips, and its keys."""

    source: Annotated[
        str | None,
        typer.Option(
            help="sqlite:///…, parquet:///… or postgresql://… (setting TRIPS_SOURCE).",
            rich_help_panel=_FROM,
            show_default=False,
        ),
    ] = None
    keys_file: Annotated[
        Path | None,
        typer.Option(
            help='JSON {"keys": ["newest", …]} (setting TRIPS_KEYS_FILE).', rich_help_panel=_FROM, show_default=False
        ),
    ] = None
    keys_env: Annotated[
        str | None,
        typer.Option(
            help="Name of an environment variable with the keys, instead of a file.",
            rich_help_panel=_FROM,
            show_default=False,
        ),
    ] = None

    def refuse_beside_file(self) -> None:
        """Raise MisuseError if a source is named in addition to a file, since only one is read."""
        from strava_pipeline.core.errors import MisuseError

        if self != ReadFrom():
            raise MisuseError("A file or a source with its keys: not both.")

    def key_ring(self, settings: "Settings") -> "KeyRing":
        """The keys: of --keys-file, of --keys-env, or else of the settings."""
        from strava_pipeline.core.errors import MisuseError
        from strava_pipeline.trips.activity.reading.connect import trip_keys
        from strava_pipeline.trips.activity.reading.keys import KeyRing

        if self.keys_file is not None and self.keys_env is not None:
            raise MisuseError("--keys-file and --keys-env: one of them.")
        if self.keys_file is not None:
            return KeyRing.from_file(self.keys_file)
        if self.keys_env is not None:
            return KeyRing.from_text(settings.variable(self.keys_env).get_secret_value(), self.keys_env)
        return trip_keys(settings)


ExternalIds = Annotated[
    list[str] | None, typer.Option("--external-id", help="This trip; may be repeated.", rich_help_panel=_FILTERS)
]


@dataclass(frozen=True)
class Which:
    """The selected trips of a source."""

    external_id: ExternalIds = None
    status: Annotated[
        list[str] | None, typer.Option("--status", help="Stored status; may be repeated.", rich_help_panel=_FILTERS)
    ] = None
    review_status: Annotated[
        list[str] | None,
        typer.Option("--review-status", help="Review status; may be repeated.", rich_help_panel=_FILTERS),
    ] = None
    only_with_feedback: Annotated[
        bool, typer.Option("--only-with-feedback", help="Trips that a person commented on.", rich_help_panel=_FILTERS)
    ] = False
    comment: Annotated[
        list[str] | None,
        typer.Option("--comment", help="Trips with this comment code; may be repeated.", rich_help_panel=_FILTERS),
    ] = None
    limit: Annotated[
        int | None, typer.Option(min=0, help="At most so many, the latest ones.", rich_help_panel=_FILTERS)
    ] = None

    @property
    def filters(self) -> "Filters":
        from strava_pipeline.trips.activity.reading.source import Filters

        return Filters(
            tuple(self.external_id or ()),
            tuple(self.status or ()),
            tuple(self.review_status or ()),
            self.only_with_feedback,
            tuple(self.comment or ()),
            self.limit,
        )


def status_meanings(typed: list[str] | None) -> "Mapping[str, Verdict]":
    """The verdict of each stored status: `accepted` and `rejected` themselves, and those of --status-means."""
    from strava_pipeline.core.errors import MisuseError
    from strava_pipeline.trips.activity.rules.replay import STATUSES
    from strava_pipeline.trips.activity.rules.verdict import Verdict

    meanings = dict(STATUSES)
    for text in typed or ():
        status, _, verdict = text.partition("=")
        if not status or verdict not in set(Verdict):
            raise MisuseError(
                f"--status-means {text!r}: write STATUS=VERDICT, a verdict being one of {', '.join(Verdict)}."
            )
        meanings[status] = Verdict(verdict)
    return meanings


@contextmanager
def trip_batches(
    origin: ReadFrom, filters: "Filters", *, at_most: int | None = None
) -> "Iterator[Iterator[list[Bundle]]]":
    """The trips of the source that pass the filters, in batches, during the body.

    Raises MisuseError if no trip has a filter's value; and if there are more than `at_most`, if that can be counted
    beforehand.
    """
    from strava_pipeline.core.errors import MisuseError
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.trips.activity.reading.connect import trip_source
    from strava_pipeline.trips.activity.reading.read import Tally, in_order, read_bundles, refuse_unknown
    from strava_pipeline.verbs.terminal import watched

    settings = Settings.load()
    keys = origin.key_ring(settings)
    tally = Tally(keys=keys.count)
    with trip_source(settings, origin.source) as opened:
        refuse_unknown(opened, filters)
        order = in_order(opened, filters)
        total = None if filters.needs_feedback else len(order[: filters.limit])
        if at_most is not None and (total or 0) > at_most:
            raise MisuseError(f"{total} trips: a page holds {at_most}. Choose some, as with --limit {at_most}.")
        with watched("Reading trips", total) as advance:
            yield _counted(read_bundles(opened, keys, filters, order=order), tally, advance)
    _print_tally(tally)


def _counted(
    batches: "Iterator[list[Bundle]]", tally: "Tally", advance: "Callable[[int], None]"
) -> "Iterator[list[Bundle]]":
    for batch in batches:
        tally.add(batch)
        yield batch
        advance(len(batch))


def _print_tally(tally: "Tally") -> None:
    """Print counts of the reading on stderr: columns by state, and how many each key opened."""
    from strava_pipeline.verbs.terminal import err

    for column, states in tally.counts.items():
        found = ", ".join(f"{count} {state}" for state, count in states.items() if count)
        err.print(f"{column}: {found or 'none'}")
    err.print(f"keys used: {', '.join(f'{index}: {count}' for index, count in tally.keys_used.items()) or 'none'}")


def decide(sweep: "Sweep", export: Path | None, origin: ReadFrom, filters: "Filters", *, processes: int) -> None:
    """Let the sweep's algorithm decide on the trips of the file, or of the source, batch by batch."""
    from strava_pipeline.core.errors import MisuseError
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.trips.activity.reading.algorithms import decided_of_source
    from strava_pipeline.trips.activity.reading.connect import trip_source, trip_url
    from strava_pipeline.trips.activity.reading.export_file import read_export
    from strava_pipeline.trips.activity.reading.read import refuse_unknown
    from strava_pipeline.verbs.terminal import watched

    if export is not None:
        origin.refuse_beside_file()
        if filters != type(filters)():
            raise MisuseError("Filters choose from a source; of a file all trips are replayed.")
        for bundles in read_export(export):
            sweep.add(bundles)
        return
    settings = Settings.load()
    url = trip_url(settings, origin.source)
    keys = origin.key_ring(settings)
    with trip_source(settings, origin.source) as opened:
        refuse_unknown(opened, filters)
    with watched("Replaying trips", None) as advance:
        for batch in decided_of_source(url, keys, filters, sweep, processes=processes, limits=settings.trip_limits):
            sweep.count(batch)
            advance(len(batch.digests))
