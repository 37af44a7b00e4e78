"""Requests from a page, as files that a sensor turns into runs, data/inbox/requests/ID.json.

Next to a request stands its state, ID.state.json, which the run writes when it begins and when it ends; with it the
place of the run's log, so that nobody has to ask Dagster. A run whose lock has no holder any more is dead, whatever its
state says. The run of a request is chosen by orchestrate/sensors/requests.py; whether it can be carried out, by
operations/requesting.py.
"""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from secrets import token_hex
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.lake.files import record_in, stamp, write_whole
from strava_pipeline.lake.locks import has_died, is_live, locked
from strava_pipeline.lake.looks import ALIVE, is_anybody_looking, looked_at, requests_folder
from strava_pipeline.lake.paths import Lake

MOST_WAITING = 50  # requests: as many as a person presses in a day
LARGEST = 64_000  # bytes of a file; 500 ids take a quarter of it
KEPT_FOR = timedelta(days=14)  # after its end, as long as the log of its run
ENDING = timedelta(seconds=60)  # from the end of a run's work to the last line of its log: seconds on a busy machine
LINES, TAIL = 200, 64_000  # of a log that are shown; bytes that are read for them
_ID = re.compile(r"[0-9]{8}T[0-9]{12}Z-[0-9a-f]{8}")
_STATE = ".state.json"
CANCELLED = "Nothing of it is kept."


class _Wanted(BaseModel, frozen=True, extra="forbid"):
    """Base of request contents; unknown fields are refused."""


class PullWanted(_Wanted):
    """Pull new activities at one service."""

    kind: Literal["pull"]
    provider: str = Field(pattern=r"^[a-z0-9_]{1,40}$", description="the service, as in providers.toml, or strava")


class MonthWanted(_Wanted):
    """Pull a month from every enabled service, compare it, propose changes."""

    kind: Literal["sync_month"]
    month: str = Field(pattern=r"^[12][0-9]{3}-(0[1-9]|1[0-2])$", description="a local month, as 2026-10")


class ApplyWanted(_Wanted):
    """Write approved changes."""

    kind: Literal["apply_changes"]
    ids: tuple[Annotated[str, Field(pattern=r"^[0-9a-f]{1,64}$")], ...] = Field(
        default=(), max_length=500, description="only these; none: all that are approved"
    )


class BackfillWanted(_Wanted):
    """List a whole year of every enabled service, and fetch whatever it lacks."""

    kind: Literal["backfill"]
    year: int = Field(ge=1, le=9999, strict=True)


class ImportWanted(_Wanted):
    """Import the files in data/inbox/files."""

    kind: Literal["import"]
    names: tuple[Annotated[str, Field(min_length=1, max_length=255)], ...] = Field(
        default=(), max_length=100, description="only these files and folders there; none: all"
    )


class PublishWanted(_Wanted):
    """Merge and publish, so that pages show what was written into goals.toml or providers.toml. Carries none of it."""

    kind: Literal["publish"]


class RegionWanted(_Wanted):
    """Fetch streets of the map around home, or see how many bytes that takes. The run finds the box: none stands here."""

    kind: Literal["region"]
    most_bytes: int | None = Field(
        default=None, ge=1, le=1 << 40, description="load at most that many; none: only tell how many there are"
    )


Wanted = PullWanted | MonthWanted | ApplyWanted | BackfillWanted | ImportWanted | PublishWanted | RegionWanted


class Request(BaseModel, frozen=True):
    """A request. `at`: when it was made (UTC); `by`: where."""

    id: str
    at: AwareDatetime
    by: str
    wanted: Annotated[Wanted, Field(discriminator="kind")]


class RequestState(BaseModel, frozen=True):
    """A run's record about its request.

    `log`: its place below the folder of logs; `message`: the result, or the fault; `done`, `total`: bytes of a region.
    """

    status: Literal["running", "done", "failed"]
    run_id: str | None = None
    began_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    message: str = ""
    log: str | None = None
    done: int = 0
    total: int = 0


class RequestsFullError(PipelineError):
    """Too many requests wait, so a further one is refused."""


def keep_request(lake: Lake, wanted: Wanted, at: datetime, by: str) -> Request:
    """Store a request, or return the waiting one for the same, so that a double click has one effect.

    Raises RequestsFullError.
    """
    with locked(lake, "requests", who=by):
        last = latest_region(lake, at) if isinstance(wanted, RegionWanted) else None
        if last is not None and last.is_open:
            return last.request
        waiting = [each for each in open_requests(lake) if isinstance(each, Request) and _state(lake, each.id) is None]
        if same := next((each for each in waiting if each.wanted == wanted), None):
            return same
        if len(waiting) >= MOST_WAITING:
            raise RequestsFullError(
                f"{len(waiting)} requests wait for Dagster's daemon, so no further one is taken. `strava-pipeline service up` or "
                "`strava-pipeline dev` starts it."
            )
        made = Request(id=f"{stamp(at)}-{token_hex(4)}", at=at.astimezone(UTC), by=by, wanted=wanted)
        write_whole(_path(lake, made.id), made.model_dump_json().encode())
    return made


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file among the requests that isn't one: somebody else wrote it, or it is damaged."""

    id: str


def open_requests(lake: Lake) -> Iterator[Request | Unreadable]:
    """The requests that have not ended, the oldest first."""
    for path in sorted(requests_folder(lake).glob("*.json")):
        if _ID.fullmatch(path.stem):
            state = _state(lake, path.stem)
            if state is None or state.status == "running":
                yield _read(path) or Unreadable(path.stem)


def take_import(lake: Lake, now: datetime) -> tuple[str, Sequence[str]] | None:
    """Mark the oldest open import without a run, or with a dead one, as begun; its id and names. None where the sensor looks."""
    with locked(lake, "requests"):
        for each in () if is_anybody_looking(lake, now) else open_requests(lake):
            if isinstance(each, Request) and isinstance(each.wanted, ImportWanted):
                run_id = getattr(_state(lake, each.id), "run_id", None)
                if run_id is None or _is_dead(lake, run_id, now):
                    begin_request(lake, each.id, None, now, None)
                    return each.id, each.wanted.names
    return None


def is_taken(lake: Lake, request_id: str, now: datetime) -> bool:
    """Whether a request was begun minutes ago, so that its run is about to be known. After that, who took it counts as dead."""
    since = getattr(_state(lake, request_id), "began_at", None)
    return since is not None and timedelta(0) <= now - since < ALIVE


def has_requests(lake: Lake) -> bool:
    """Whether any file of a request exists, including ended ones."""
    return any(True for _ in requests_folder(lake).glob("*.json"))


def asked_since(lake: Lake, at: datetime) -> bool:
    """Whether a request was made since then, by the files' names alone."""
    return any(path.stem >= stamp(at) for path in requests_folder(lake).glob("*.json") if _ID.fullmatch(path.stem))


def begin_request(lake: Lake, request_id: str, run_id: str | None, at: datetime, log: str | None) -> None:
    """Record that a run works on a request, or (None) is about to. A disk that refuses it stops no run."""
    with suppress(OSError), locked(lake, "requests"):
        if not _is_cancelled(_state(lake, request_id)):
            _write(lake, request_id, RequestState(status="running", run_id=run_id, began_at=at, log=log))


def note_progress(lake: Lake, request_id: str, done: int, total: int) -> bool:
    """Record how far a run is with a request; False: a person cancelled it, so the run has to end."""
    with locked(lake, "requests"):
        state = _state(lake, request_id)
        if state is not None and state.status == "running":
            _write(lake, request_id, state.model_copy(update={"done": done, "total": total}))
    return not _is_cancelled(state)


def cancel_request(lake: Lake, request_id: str, at: datetime) -> None:
    """End a request whose run asks `note_progress` whether to go on, or has not begun."""
    with locked(lake, "requests"):
        end_request(lake, request_id, "failed", at, CANCELLED)


def _is_cancelled(state: RequestState | None) -> bool:
    return state is not None and state.message == CANCELLED


def end_request(
    lake: Lake,
    request_id: str,
    status: Literal["done", "failed"],
    at: datetime,
    message: str,
    run_id: str | None = None,
) -> None:
    """Record how a request ended. A disk that refuses it stops no run.

    `run_id`: of the run that ended; if another one works on it since, nothing is recorded. None: not a run; keeps what
    a run recorded.
    """
    known = _state(lake, request_id) or RequestState(status="running", run_id=run_id)
    if known.status == "running" if run_id is None else known.run_id in (None, run_id) and not _is_cancelled(known):
        ended = {"status": status, "ended_at": at.astimezone(UTC), "message": message, "run_id": run_id or known.run_id}
        _write(lake, request_id, known.model_copy(update=ended))


def forget_requests(lake: Lake, now: datetime) -> int:
    """Delete requests that ended KEPT_FOR ago, with their states; returns how many."""
    gone = 0
    for path in requests_folder(lake).glob(f"*{_STATE}"):
        key = path.name.removesuffix(_STATE)
        state = _state(lake, key) if _ID.fullmatch(key) else None
        if state is not None and state.ended_at is not None and now - state.ended_at > KEPT_FOR:
            _path(lake, key).unlink(missing_ok=True)  # first: a state alone is nothing
            path.unlink(missing_ok=True)
            gone += 1
    return gone


class RequestStanding(BaseModel, frozen=True):
    """The status of a request, as the API shows it.

    Args:
        status: waiting, running, done or failed.
        message: the result, the fault, or what stopped it early.
        lines: the last lines of its run's log.
        looked_at: when the sensor last looked for requests (UTC), or None.
        done, total: bytes of a region of the map that are loaded, and that are to be.
    """

    status: Literal["waiting", "running", "done", "failed"]
    message: str = ""
    run_id: str | None = None
    began_at: datetime | None = None
    ended_at: datetime | None = None
    lines: list[str] = []
    looked_at: datetime | None
    done: int = 0
    total: int = 0

    @property
    def is_open(self) -> bool:
        """Whether it waits, or its run is at work."""
        return self.status in ("waiting", "running")


class RequestView(RequestStanding):
    """A request as a page shows it."""

    request: Request

    @property
    def standing(self) -> str:
        """How it stands, for a person: a request that was cancelled has not failed."""
        return "cancelled" if self.message == CANCELLED else self.status


_KILLED = (
    "Its process is gone (a power cut, a kill). What it had fetched is kept. Dagster's daemon begins the run again."
)


def request_view(lake: Lake, logs_dir: Path | None, request_id: str, now: datetime) -> RequestView | None:
    """The status of a request, by its run's records; None for an unknown id. `logs_dir` None: without its log."""
    request = _read(_path(lake, request_id)) if _ID.fullmatch(request_id) else None
    if request is None:
        return None
    state = _state(lake, request_id)
    if state is None:
        return RequestView(request=request, status="waiting", looked_at=looked_at(lake))
    dead = state.status == "running" and state.run_id is not None and _is_dead(lake, state.run_id, now)
    found = state.model_dump(exclude={"log"}) | ({"status": "failed", "message": _KILLED} if dead else {})
    lines = [] if logs_dir is None else _last_lines(logs_dir, state.log)
    return RequestView(request=request, lines=lines, looked_at=looked_at(lake), **found)


def latest_requests(lake: Lake, now: datetime, limit: int) -> list[RequestView]:
    """The requests of the last two weeks, the newest first, without lines of logs. Unreadable ones are left out."""
    names = (path.stem for path in requests_folder(lake).glob("*.json"))
    found = (request_view(lake, None, key, now) for key in sorted(filter(_ID.fullmatch, names), reverse=True))
    return list(islice((view for view in found if view is not None), limit))


def latest_region(lake: Lake, now: datetime) -> RequestView | None:
    """The newest request for a region of the map."""
    found = latest_requests(lake, now, MOST_WAITING)
    return next((view for view in found if isinstance(view.request.wanted, RegionWanted)), None)


def _is_dead(lake: Lake, run_id: str, now: datetime) -> bool:
    """Whether the run's process died without a record: its lock is free, or missing for longer than an ending takes."""
    if is_live(lake, run_id):
        return False
    if has_died(lake, run_id):
        return True
    try:
        since = datetime.fromtimestamp((lake.state / "runs").stat().st_mtime, UTC)  # when the last lock came or went
    except FileNotFoundError:
        return True
    return now - since > ENDING


def _last_lines(logs_dir: Path, log: str | None) -> list[str]:
    path = (logs_dir / log).resolve() if log else None
    if path is None or not path.is_relative_to(logs_dir.resolve()):
        return []
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - TAIL, 0))
            lines = file.read(TAIL).decode(errors="replace").splitlines()
    except OSError:  # removed as old, or of another user
        return []
    return lines[1 if size > TAIL else 0 :][-LINES:]


def _path(lake: Lake, request_id: str) -> Path:
    return requests_folder(lake) / f"{request_id}.json"


def _read(path: Path) -> Request | None:
    try:
        with path.open("rb") as file:
            found = Request.model_validate_json(file.read(LARGEST))
    except (OSError, ValidationError):
        return None
    return found if found.id == path.stem else None


def _state(lake: Lake, request_id: str) -> RequestState | None:
    return record_in(requests_folder(lake) / f"{request_id}{_STATE}", RequestState)


def _write(lake: Lake, request_id: str, state: RequestState) -> None:
    if _ID.fullmatch(request_id) and _path(lake, request_id).exists():
        with suppress(OSError):
            write_whole(requests_folder(lake) / f"{request_id}{_STATE}", state.model_dump_json().encode())
