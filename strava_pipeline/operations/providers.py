"""The steps of a run that ask a provider other than Strava: its listing, the gear that its activities name, and their files.

How a listing is fetched and landed is in pulling.py and feeds.py, the same for every provider. The files' contents
reach gold by the steps that merge imports.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial

from strava_pipeline.core.errors import ForbiddenError, GoneError, LimitReachedError, RefusedError, TransientError
from strava_pipeline.core.json_values import Json, parse_json
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.core.numbers import Numbers
from strava_pipeline.core.providers import Kind
from strava_pipeline.ingest.calls import OUTAGE, fetch_each
from strava_pipeline.ingest.provider import Received
from strava_pipeline.lake.bronze.answers import items_of_kind, land_of_kind, last_of_kind
from strava_pipeline.lake.bronze.landing import require_writable
from strava_pipeline.lake.gold.fetch_selection import WantedFile, wanted_files
from strava_pipeline.lake.gold.warehouse import writing
from strava_pipeline.lake.imports.merge import merge_files
from strava_pipeline.lake.providers import Refusal, keep_refusal, land_no_file, land_provider_file
from strava_pipeline.operations.feeds import pull_activities
from strava_pipeline.operations.fetching import YearsReport
from strava_pipeline.operations.fetching_steps import fetched_report, listing_report
from strava_pipeline.operations.importing import LOCK
from strava_pipeline.operations.listing_windows import listed_together
from strava_pipeline.operations.merging import match
from strava_pipeline.operations.options import ListingOptions
from strava_pipeline.operations.progress import progressing
from strava_pipeline.operations.provider_access import asked_with, limit_in_force, outcome_kept, resting_kind
from strava_pipeline.operations.provider_gear import fetch_gear_of_activities
from strava_pipeline.operations.pulling import pull_each
from strava_pipeline.operations.reading_files import read_unread_files
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.source import Source, SourceCalls
from strava_pipeline.operations.step_reports import Calls, StepReport
from strava_pipeline.operations.table_rules import Finding


@dataclass(frozen=True, slots=True)
class GearFetched(Numbers):
    """Further results of a listing: answers about gear, and why there are none; activities that the provider doesn't show."""

    gear_answers: int
    first_problems: list[str]
    activities_withheld: int | None
    withheld_advice: str


def list_provider_activities(
    run: RunContext, source: Source, options: ListingOptions, years: Sequence[int], *, asset: str
) -> StepReport:
    """List activities of the provider, then fetch its gear if that is due. `asset`: the name in the report.

    Failures with gear are reported and stop nothing: the activities are on disk.
    """
    answers, name = 0, source.spec.name
    if limit := limit_in_force(run, name):
        return unasked(asset, "listing_complete", limit)
    with outcome_kept(run, name, "listing", source.keep_allowance) as ending:
        calls = source.client.calls
        source.warn_of_end()
        try:
            report = pull_each(listed_together(source, options, years), partial(pull_activities, run, source, options))
        except LimitReachedError as limit:  # met by the login, before any page
            ending.stopped = limit
            return unasked(asset, "listing_complete", limit, source.client.calls - calls)
        ending.stopped = report.stopped
        if report.stopped is None:
            try:
                mode = report.manifest.window.mode
                named = report.gear_ids | fetch_gear_of_activities(run, source, mode, report.row_hashes)
                # a whole listing has asked for it already
                if gear_is_due(run, source, named) or (source.spec.has_gear_apart and mode == "all"):
                    answers = len(pull_kind(run, source, "gear"))
            except LimitReachedError as error:
                ending.stopped = error
            except (TransientError, RefusedError, GoneError) as error:
                ending.without = kind_problem(run, source, "gear", error)
    withheld = {source_id for manifest in report.manifests for source_id in manifest.withheld}
    problems, advice = [ending.without] if ending.without else [], source.spec.withheld if withheld else ""
    beside = GearFetched(answers, problems, len(withheld) or None, advice)
    report = replace(report, calls=source.client.calls - calls)  # with those for the login and for gear
    return listing_report(asset, report, [beside], ending.stopped)


def unasked(asset: str, rule: str, limit: LimitReachedError, calls: int = 0) -> StepReport:
    """The report of a step that a limit kept from making any call beyond those of a login."""
    found = Finding(rule, False, advice=str(limit), refuses=False)
    return StepReport(asset, [Calls(calls)], findings=[found], stopped=limit)


GEAR_INTERVAL = timedelta(days=7)  # all gear is fetched as often as Strava's: names and distances change slowly
UNKNOWN_GEAR_INTERVAL = timedelta(hours=20)  # gear that the service never shows must not cost a call in every run


def gear_is_due(run: RunContext, source: Source, named: Collection[str]) -> bool:
    """Whether gear is to be fetched: each week, and a day after the last time if activities name unknown gear."""
    if "gear" not in source.client.spec.kinds or resting_kind(source.settings, source.spec.name, "gear", run.now()):
        return False
    name = source.spec.name
    last = last_of_kind(run.lake, name, "gear")
    if last is None:
        return True
    known = {gear_id for provider, gear_id, _, _ in items_of_kind(run.lake, "gear") if provider == name}
    return run.now() - last >= (GEAR_INTERVAL if known.issuperset(named) else UNKNOWN_GEAR_INTERVAL)


_WORDS: dict[Kind, str] = {"gear": "Gear", "wellness": "Days and nights"}


def kind_problem(
    run: RunContext, source: Source, kind: Kind, error: TransientError | RefusedError | GoneError, *, rests: bool = True
) -> str:
    """What kept a kind from coming, in a line. One that is refused (403, 404) is then not asked for again for a week.

    `rests`: False where less than all of the kind was asked for.
    """
    if rests and isinstance(error, ForbiddenError | GoneError):
        refused = Refusal(at=run.now(), why=str(error), asked_with=asked_with(source.settings, source.spec.name))
        keep_refusal(run.lake, source.spec.name, kind, refused)
    return f"{_WORDS[kind]} of {source.spec.title}: {error}"


def pull_kind(
    run: RunContext, source: Source, kind: Kind, first: date | None = None, last: date | None = None
) -> list[Sequence[tuple[str, Json]]]:
    """Fetch all of the account's data of a kind, each answer on disk before the next call; returns the items of each.

    `first`, `last`: its local days, if it has any.
    """
    if kind not in source.spec.kinds or kind not in source.client.spec.kinds:
        return []
    name, client, found = source.spec.name, source.client, list[Sequence[tuple[str, Json]]]()
    require_writable(run.lake, run.lake.kind_of(name, kind))

    def land(answer: Received) -> None:
        try:
            found.append(source.spec.kinds[kind](parse_json(answer.body)))
        except Exception as error:  # stored answers must be readable, or every merge would stop at them
            raise TransientError(
                f"{source.spec.title}: an answer about {kind} has another shape", body=answer.body
            ) from error
        land_of_kind(run.lake, name, kind, answer.body, answer.fetched_at)

    for _ in client.landed(client.list_kind(kind, first, last), land):
        pass
    keep_refusal(run.lake, name, kind, None)
    return found


def bring_provider_files(
    run: RunContext, source: Source, years: Sequence[int], auto_files: bool, limits: ImportLimits
) -> StepReport:
    """Fetch and read the files of the activities of `years` without a track from any source, newest first, each once.

    Then merge their rows of the table `files`, and match again: the steps of these can't follow in the same run,
    because they are above these files in the graph. The activities have been merged before.

    Args:
        auto_files: whether files are fetched at all. If not, earlier ones are still read.
        limits: how much of a file is read.

    Raises NeedsLoginError; TransientError if the provider no longer answers.
    """
    limit = limit_in_force(run, source.spec.name) if auto_files else None
    report = YearsReport("file", f" of {source.spec.title}", by_year=dict.fromkeys(years, 0))
    fetch = _FileFetch(run, source, report)
    if auto_files and limit is None and "files" in source.spec.capabilities:
        with outcome_kept(run, source.spec.name, "files", source.keep_allowance) as ending:
            fetch.fetch(years)
            ending.stopped, ending.problem = fetch.report.fetched.stopped, fetch.given_up
    with run.exclusive(LOCK):
        read = replace(read_unread_files(run.lake, run.progress, limits), first_problems=[])
    with writing(run.lake) as connection:
        merge_files(connection, run.lake)
    match(run)  # the contents of the files are evidence
    stopped = limit or fetch.report.fetched.stopped or fetch.given_up or None
    found = fetched_report(f"bronze_{source.spec.name}_files", "files_complete", fetch.report, [read], stopped)
    return found if auto_files else replace(found, notes={"result": "auto_files is off: nothing was asked for."})


@dataclass(slots=True)
class _FileFetch(SourceCalls):
    """One run's fetching of files at a provider: the client of `fetch_each`, and the results.

    Args:
        given_up: why the step ended early though no limit stopped it.
    """

    report: YearsReport = field(default_factory=lambda: YearsReport("file"))
    given_up: str = ""
    _due: dict[int, WantedFile] = field(default_factory=dict)
    _name_of_file: str = ""
    _failed_before: int = 0  # how many had failed when the last answer came

    def fetch(self, years: Sequence[int]) -> None:
        """Fetch the files that are due, under a lock, so that two runs never fetch the same file."""
        run, client, spec, fetched = self.run, self.source.client, self.source.spec, self.report.fetched
        with run.exclusive(f"files-{spec.name}"):
            calls = client.calls
            try:
                account = self.source.account_name
            except LimitReachedError as limit:
                fetched.stopped, self.report.calls = limit, client.calls - calls
                return
            match(run)  # an activity has a track if another source has one of it
            wanted = wanted_files(run.lake, spec.name, account, years)
            self._due = {activity.activity_id: activity for activity in wanted if not activity.is_resting(run.now())}
            self.report.waiting_for_retry = len(wanted) - len(self._due)
            with progressing(run.progress, f"Fetching files of {spec.title}", len(self._due)) as advance:
                fetch_each(
                    self,
                    self._call,
                    self._items(),
                    land=self._land,
                    land_failure=self._land_failure,
                    report=fetched,
                    tick=lambda: advance(1),
                )
            self.report.calls = client.calls - calls
            self.report.missing = len(self._due) - fetched.finished
            self.report.waiting_for_retry += len(fetched.failed_ids)

    def _items(self) -> Iterator[WantedFile]:
        """The files that are due, until so many fail in a row that single activities can't be the cause."""
        folder = self.run.lake.files_of(self.source.spec.name)
        for activity in self._due.values():
            if len(self.report.fetched.failed_ids) - self._failed_before >= OUTAGE:
                self.given_up = f"{OUTAGE} files in a row failed, though {self.title} answers. The next run goes on."
                return
            require_writable(self.run.lake, folder / str(activity.activity_id))
            require_writable(self.run.lake, self.run.lake.files)
            yield activity

    def _call(self, activity_id: int, *, patient: bool) -> Received:
        received = self.source.client.get_file(self._due[activity_id].source_id)
        self._name_of_file = received.name or self._due[activity_id].source_id
        return received

    def _land(self, activity: WantedFile, body: bytes, at: datetime) -> None:
        lake, name, account = self.run.lake, self.source.spec.name, self.source.account_name
        land_provider_file(lake, name, activity.activity_id, activity.source_id, account, self._name_of_file, body, at)
        by_year = self.report.by_year
        by_year[activity.year] = by_year.get(activity.year, 0) + 1
        self._failed_before = len(self.report.fetched.failed_ids)

    def _land_failure(self, activity: WantedFile, body: bytes, status: int | None, at: datetime) -> None:
        land_no_file(self.run.lake, self.source.spec.name, activity.activity_id, body, status, at)
        if status == 404:
            self._failed_before = len(self.report.fetched.failed_ids)
