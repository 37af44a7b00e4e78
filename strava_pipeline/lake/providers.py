"""The lake's data about providers other than Strava: the files of their activities, and how their last steps ended.

A file's record (`FileRecord`) lies in data/bronze/providers/NAME/files as bronze/answers.py keeps answers; its bytes
lie in data/bronze/files, like those of imported files. A 404 is an answer, too: the activity has no file, and is not
asked for again. The outcome of a step, data/state/providers/NAME/OPERATION.json, is for `status` and `doctor`, and
prevents calls to a provider before its limit ends. Without the file, or if it is damaged, the outcome is unknown.
`pause` next to it says until when a run waits for the provider, for `status`, and `allowance` the provider's last word
about its limit. The position in a feed is in feed/state.json next to it; without that, everything is listed once. The
original of a source without a service, such as a person's own file, lies in data/bronze/providers/NAME/originals, under
the hash of its bytes.
"""

import hashlib
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import get_args

from pydantic import AwareDatetime, BaseModel, ValidationError

from strava_pipeline.core.providers import Kind
from strava_pipeline.lake.bronze.answers import AnswerFiles, answer_files, land_answer, land_evidence, landing_of
from strava_pipeline.lake.bronze.listing import Listing
from strava_pipeline.lake.bronze.listings import answer_times, listings
from strava_pipeline.lake.files import packed, record_in, unpacked, write_whole
from strava_pipeline.lake.imports.activities import SessionKeys
from strava_pipeline.lake.imports.files import sessions_with_track, store_durably
from strava_pipeline.lake.paths import Lake


class FileRecord(BaseModel, frozen=True):
    """The record of a file: its activity, the provider's name of it, and the hash of its bytes."""

    source_id: str
    account: str | None
    name: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class ProviderFile:
    """A file that the provider `source` gave for one of its activities at `received_at` (UTC)."""

    source: str
    activity_id: int
    received_at: datetime
    record: FileRecord


def land_provider_file(
    lake: Lake, source: str, activity_id: int, source_id: str, account: str | None, name: str, body: bytes, at: datetime
) -> None:
    """Put a file on disk: its bytes first, then the record that names them."""
    digest = store_durably(lake, body)
    record = FileRecord(source_id=source_id, account=account, name=name, sha256=digest, size=len(body))
    land_answer(lake, lake.files_of(source), activity_id, record.model_dump_json().encode(), at)


def land_no_file(lake: Lake, source: str, activity_id: int, body: bytes, status: int | None, at: datetime) -> None:
    """Store a failed request for a file: the 404 of an activity without one, or the evidence of a failure."""
    land_evidence(lake, lake.files_of(source), activity_id, body, status, at)


def provider_files(lake: Lake, source: str | None = None) -> Iterator[ProviderFile]:
    """The last file of each activity, of all providers or of one. Unreadable records are skipped."""
    for name in [source] if source is not None else lake.listed_sources[1:]:
        for activity_id, files in sorted(file_answers(lake, name).items()):
            if files.good is not None and files.good_at is not None and (record := record_in(files.good, FileRecord)):
                yield ProviderFile(name, activity_id, files.good_at, record)


def all_provider_files(lake: Lake) -> Iterator[ProviderFile]:
    """Every file that ever came, including files replaced by a later one for the same activity."""
    for source in lake.listed_sources[1:]:
        for path in sorted(lake.files_of(source).glob("*/*.json.gz")):
            try:
                activity_id, (at, _) = int(path.parent.name), landing_of(path)
            except ValueError:
                continue  # another program's file or folder
            if (record := record_in(path, FileRecord)) is not None:
                yield ProviderFile(source, activity_id, at, record)


def has_provider_files(lake: Lake) -> bool:
    """Whether any file of a provider came, by a look at the folders."""
    records = (lake.files_of(source).glob("*/*.json.gz") for source in lake.listed_sources[1:])
    return any(True for of_source in records for _ in of_source)


def provider_tracks(lake: Lake) -> dict[int, SessionKeys]:
    """The place of the track of each activity for which a provider gave a file with points."""
    places = ((file, sessions_with_track(lake, file.record.sha256)) for file in provider_files(lake))
    return {
        file.activity_id: tuple((file.record.sha256, place) for place in sessions)
        for file, sessions in places
        if sessions
    }


def keep_original(lake: Lake, source: str, body: bytes, suffix: str, at: datetime) -> Path:
    """Store the original of a reading, packed, once for each content; returns its path."""
    path = lake.providers / source / "originals" / f"{hashlib.sha256(body).hexdigest()}{suffix}.gz"
    if not path.exists():
        write_whole(path, packed(body, at))
    return path


def newest_reading(lake: Lake, source: str, account: str | None) -> tuple[Listing, bytes] | None:
    """The newest complete reading of a source without windows: its listing, and its one page."""
    for listing in listings(lake, source, newest_first=True):
        manifest = listing.manifest
        if manifest.complete and manifest.account == account and len(manifest.pages) == 1:
            try:
                return listing, unpacked(listing.folder / manifest.pages[0].file)
            except (OSError, EOFError, zlib.error):  # lost or damaged: the one before says nearly the same
                continue
    return None


def has_no_file(files: AnswerFiles) -> bool:
    """Whether the provider's last answer was that the activity has no file."""
    return files.failures > 0 and files.status == 404


def file_answers(lake: Lake, source: str) -> dict[int, AnswerFiles]:
    """The answers on disk about the files of activities of `source`, by id."""
    return answer_files(answer_times(lake, source), [lake.files_of(source)])


class Outcome(BaseModel, frozen=True):
    """How a step of a provider ended.

    Args:
        at: when it ended (UTC).
        succeeded: whether it did everything asked for.
        message: the fault, or what lacks after a success; may be empty.
        limited_until: when (UTC) a limit of the provider ends that is too long to wait for.
        needs_login: only a person's login, or their settings, help.
    """

    at: AwareDatetime
    succeeded: bool
    message: str = ""
    limited_until: AwareDatetime | None = None
    needs_login: bool = False


def keep_outcome(lake: Lake, provider: str, operation: str, outcome: Outcome) -> None:
    """Store the outcome of a step (listing, files), replacing its last one. A disk that refuses it stops nothing."""
    with suppress(OSError):
        write_whole(_outcomes(lake, provider) / f"{operation}.json", outcome.model_dump_json().encode())


def last_outcomes(lake: Lake, provider: str) -> dict[str, Outcome]:
    """How the provider's last steps ended, by operation, as far as known."""
    found = {}
    for path in sorted(_outcomes(lake, provider).glob("*.json")):
        with suppress(FileNotFoundError, ValidationError):
            found[path.stem] = Outcome.model_validate_json(path.read_bytes())
    return found


def limited_until(lake: Lake, provider: str) -> datetime | None:
    """When (UTC) the last limit that stopped a step of the provider ends or ended, or None if no step was stopped."""
    return max(
        (step.limited_until for step in last_outcomes(lake, provider).values() if step.limited_until), default=None
    )


def keep_pause(lake: Lake, provider: str, until: datetime) -> None:
    """Store until when (UTC) a run waits for the provider. A disk that refuses it stops nothing."""
    with suppress(OSError):
        write_whole(_outcomes(lake, provider) / _PAUSE, until.isoformat().encode())


def paused_until(lake: Lake, provider: str) -> datetime | None:
    """Until when (UTC) a run last waited, or waits, for the provider; None if none ever did, or unreadable."""
    with suppress(OSError, ValueError):
        until = datetime.fromisoformat((_outcomes(lake, provider) / _PAUSE).read_text())
        return until if until.tzinfo is not None else None
    return None


class KeptAllowance(BaseModel, frozen=True):
    """A provider's statement about its limit of calls: `left` of `limit` at the moment `at`, until it starts again;
    None if not given.
    """

    at: AwareDatetime
    left: int
    limit: int
    resets_at: AwareDatetime | None


def keep_allowance(lake: Lake, provider: str, kept: KeptAllowance) -> None:
    """Store the provider's last statement about its limit. A disk that refuses it stops nothing."""
    with suppress(OSError):
        write_whole(_outcomes(lake, provider) / _ALLOWANCE, kept.model_dump_json().encode())


def last_allowance(lake: Lake, provider: str) -> KeptAllowance | None:
    """The provider's last statement about its limit, or None if there was none, or it can't be read."""
    return record_in(_outcomes(lake, provider) / _ALLOWANCE, KeptAllowance)


_PAUSE, _ALLOWANCE, _FEED, _DAYS = "pause", "allowance", "feed/state.json", "wellness/asked.json"


def _outcomes(lake: Lake, provider: str) -> Path:
    return lake.state / "providers" / provider


class FeedState(BaseModel, frozen=True):
    """The position in the feed of a provider.

    Args:
        login: a hash of the login that `account` belongs to.
        account: the account at the provider, so that it is not asked for on each quiet day.
        cursors: by account, the position from which the feed has not been read, in the provider's own words.
    """

    login: str | None = None
    account: str | None = None
    cursors: dict[str, str] = {}


def feed_state(lake: Lake, provider: str) -> FeedState:
    """The position in the feed of a provider; empty if unknown."""
    return record_in(_outcomes(lake, provider) / _FEED, FeedState) or FeedState()


def feed_cursor(lake: Lake, provider: str, account: str | None) -> str | None:
    """The cursor of an account's feed, or None if everything is to be listed.

    A cursor only continues earlier data, so it counts only as long as bronze holds a complete listing of everything.
    """
    cursor = feed_state(lake, provider).cursors.get(str(account))
    return None if cursor is None or whole_listing(lake, provider, account) is None else cursor


def whole_listing(lake: Lake, provider: str, account: str | None) -> Listing | None:
    """The newest complete listing of everything that an account has."""
    for listing in listings(lake, provider, newest_first=True):
        manifest = listing.manifest
        if manifest.window.mode == "all" and manifest.account == account and manifest.complete:
            return listing
    return None


def keep_cursor(lake: Lake, provider: str, account: str | None, cursor: str) -> None:
    """Store the feed's cursor, once everything that it reported before is on disk."""
    known = feed_state(lake, provider)
    _keep(lake, provider, known.model_copy(update={"cursors": {**known.cursors, str(account): cursor}}))


def keep_account(lake: Lake, provider: str, login: str, account: str | None) -> None:
    """Store the account of the login with that hash."""
    known = feed_state(lake, provider)
    if (known.login, known.account) != (login, account):
        _keep(lake, provider, known.model_copy(update={"login": login, "account": account}))


def _keep(lake: Lake, provider: str, state: FeedState) -> None:
    write_whole(_outcomes(lake, provider) / _FEED, state.model_dump_json().encode())


class Refusal(BaseModel, frozen=True):
    """When a provider refused a kind of data (UTC), why, and a hash of what it was asked with."""

    at: AwareDatetime
    why: str
    asked_with: str


def refusal(lake: Lake, provider: str, kind: Kind) -> Refusal | None:
    """The last refusal of the kind that nothing has ended since."""
    return record_in(_refusal_file(lake, provider, kind), Refusal)


def keep_refusal(lake: Lake, provider: str, kind: Kind, refused: Refusal | None) -> None:
    """Record a refusal, or (None) that the last one has ended."""
    file = _refusal_file(lake, provider, kind)
    if refused is None:
        file.unlink(missing_ok=True)
    else:
        write_whole(file, refused.model_dump_json().encode())


def forget_refusals(lake: Lake, provider: str) -> None:
    """Forget what was refused to an earlier login."""
    for kind in get_args(Kind):
        keep_refusal(lake, provider, kind, None)


def _refusal_file(lake: Lake, provider: str, kind: Kind) -> Path:
    return _outcomes(lake, provider) / kind / "refused.json"


class DaysAsked(BaseModel, frozen=True):
    """When a provider was last asked (UTC) for days and nights: for all of a year, by year, and for the last days."""

    years: dict[int, AwareDatetime] = {}
    last_days: AwareDatetime | None = None


def days_asked(lake: Lake, provider: str) -> DaysAsked:
    """When the provider was last asked for days and nights, as far as known."""
    return record_in(_outcomes(lake, provider) / _DAYS, DaysAsked) or DaysAsked()


def keep_days_asked(lake: Lake, provider: str, asked: DaysAsked) -> None:
    """Record when the provider was asked, once what came is on disk."""
    write_whole(_outcomes(lake, provider) / _DAYS, asked.model_dump_json().encode())
