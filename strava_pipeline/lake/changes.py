"""The records of changes at services: proposals, decisions, requests and answers. Nothing is ever overwritten.

data/bronze/changes/proposed.jsonl has the proposals and the expired rounds; data/decisions/changes.jsonl a person's
decisions; data/bronze/changes/ID has an intent before each write, with the requests, and its outcome after, with all
answers. A record of an attempt is a file, written whole. The resulting state is computed by core/changes/states.py.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from pydantic import AwareDatetime, BaseModel, ValidationError

from strava_pipeline.core.changes.records import Change
from strava_pipeline.core.changes.states import (
    Attempt,
    Expiry,
    History,
    Proposal,
    Result,
    Verdict,
    Verdicted,
)
from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.json_values import json_bytes
from strava_pipeline.lake.decisions import Decision, decisions
from strava_pipeline.lake.files import append_line, sync_folder, write_whole
from strava_pipeline.lake.paths import Lake

DECIDING = "changes"  # the lock for proposing and deciding: each sees what the other has recorded
_FILE = re.compile(r"([0-9]{3,})-(intent|outcome)\.json")


class ChangeDecision(Decision):
    """A round of a change is approved or rejected. `shown`: the change as the person saw it; `old`: a hash of its old value."""

    kind: ClassVar[str] = "changes"
    id: str
    round: int
    verdict: Verdict
    old: str
    shown: dict[str, Any]


class _OfRound(BaseModel, frozen=True):
    """Base of records about a round of a change."""

    id: str
    round: int
    at: AwareDatetime


class _Line(_OfRound):
    """A line of proposed.jsonl: a round of a change, or with `expired` the end of one."""

    change: dict[str, Any] | None = None
    expired: str | None = None


class Exchanged(BaseModel, frozen=True):
    """A request and its answer as recorded: no login, and the body as text."""

    method: str
    address: str
    status: int | None = None
    body: Any = None
    at: AwareDatetime | None = None


class Intent(_OfRound):
    """A write about to be sent; it is on disk before the service hears of it. `found`: the value that was read just before."""

    found: Any
    restore: dict[str, Any] | None = None
    before: list[Exchanged]
    requests: list[Exchanged]


class Outcome(_OfRound):
    """The result of an attempt.

    Args:
        result: None if nothing was written and the approval stands.
        found: the value that was read last.
        landed: the landing number that newer data must exceed.
        source_id: the id that the service gave to the new item.
        restore: further data that an exact undo needs, besides the old value.
    """

    result: Result | None
    message: str = ""
    landed: int = 0
    found: Any = None
    source_id: str | None = None
    restore: dict[str, Any] | None = None
    answers: list[Exchanged] = []


@dataclass(frozen=True, slots=True)
class OnRecord:
    """The records of a change's attempts, by their numbers."""

    intents: dict[int, Intent]
    outcomes: dict[int, Outcome]

    @property
    def open(self) -> int | None:
        """The number of the last attempt if its result is unknown, else None."""
        last = max({0, *self.intents, *self.outcomes})
        return last if last in self.intents and last not in self.outcomes else None


def changes_folder(lake: Lake) -> Path:
    """Where proposals and attempts are kept."""
    return lake.bronze / "changes"


def has_changes(lake: Lake) -> bool:
    """Whether any change was ever proposed."""
    return _journal(lake).exists()


def record_proposals(
    lake: Lake, proposed: Sequence[tuple[Change, int]], expired: Sequence[tuple[str, int, str]], at: datetime
) -> None:
    """Append rounds of changes, and the expired rounds with their reasons; they are on disk on return."""
    lines = [_Line(id=key, round=round_, at=at, expired=why) for key, round_, why in expired]
    lines += [_Line(id=change.id, round=round_, at=at, change=change.to_json()) for change, round_ in proposed]
    if lines:
        text = b"\n".join(json_bytes(line.model_dump(mode="json", exclude_none=True)) for line in lines)
        append_line(_journal(lake), text + b"\n")
        sync_folder(changes_folder(lake))
        sync_folder(lake.bronze)


def history(lake: Lake) -> History:
    """All records so far. Raises PipelineError if a record can't be read, because half of them prove no state."""
    proposals, expiries = [], []
    for line in _lines(lake):
        if line.change is not None:
            proposals.append(Proposal(_change(line.change), line.round, line.at))
        elif line.expired is not None:
            expiries.append(Expiry(line.id, line.round, line.at, line.expired))
    return History(proposals, list(_verdicts(lake)), list(_attempts(lake)), expiries)


def verdicts(lake: Lake) -> dict[str, Verdicted]:
    """A person's last decision about each change, by its id."""
    return {each.id: each for each in _verdicts(lake)}


def _verdicts(lake: Lake) -> Iterator[Verdicted]:
    for each in decisions(lake, ChangeDecision).all:  # a torn line was never confirmed
        yield Verdicted(each.id, each.round, each.verdict, each.at, each.old)


def _lines(lake: Lake) -> Iterator[_Line]:
    path = _journal(lake)
    if not path.exists():
        return
    for line in path.read_bytes().split(b"\n"):
        if line.strip():
            try:
                yield _Line.model_validate_json(line)
            except ValidationError:
                continue  # torn by a power cut: the run that wrote it never went on, and the next one proposes again


def _change(content: dict[str, Any]) -> Change:
    try:
        return Change.from_json(content)
    except (TypeError, ValueError) as error:
        raise PipelineError(
            "data/bronze/changes/proposed.jsonl holds a change that this version can't read. Update strava_pipeline, or move "
            "the file away: what the services lack is then proposed again."
        ) from error


def _attempts(lake: Lake) -> Iterator[Attempt]:
    """The attempts in order, without those that wrote nothing and left the approval standing; one without an outcome is open."""
    folder = changes_folder(lake)
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_dir():
            record = attempts_of(lake, path.name)
            for number in sorted({*record.intents, *record.outcomes}):
                outcome = record.outcomes.get(number)
                if outcome is not None:
                    if outcome.result is None:
                        continue
                    yield Attempt(path.name, outcome.round, outcome.result, outcome.at, outcome.message, outcome.landed)
                else:
                    intent = record.intents[number]
                    yield Attempt(path.name, intent.round, None, intent.at)


def attempts_of(lake: Lake, change_id: str) -> OnRecord:
    """The attempts at a change. Raises PipelineError if a record can't be read."""
    found = OnRecord({}, {})
    folder = changes_folder(lake) / change_id
    for path in sorted(folder.glob("*.json")):
        if (name := _FILE.fullmatch(path.name)) is None:
            continue
        try:
            if name[2] == "intent":
                found.intents[int(name[1])] = Intent.model_validate_json(path.read_bytes())
            else:
                found.outcomes[int(name[1])] = Outcome.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise PipelineError(
                f"{path} is damaged, so nobody knows what became of this change. Nothing is written anywhere. Look at the "
                "service, then move the file away."
            ) from error
    return found


def record_intent(lake: Lake, intent: Intent) -> int:
    """Put an intent on disk; returns the number of its attempt."""
    number = _next(lake, intent.id)
    write_whole(_path(lake, intent.id, number, "intent"), _content(intent))
    sync_folder(changes_folder(lake))
    return number


def record_outcome(lake: Lake, outcome: Outcome, number: int | None) -> None:
    """Put the outcome of an attempt on disk. `number` None: nothing was sent, so there is no intent."""
    number = _next(lake, outcome.id) if number is None else number
    write_whole(_path(lake, outcome.id, number, "outcome"), _content(outcome))
    sync_folder(changes_folder(lake))


def _content(record: BaseModel) -> bytes:
    return record.model_dump_json(indent=1).encode()


def _next(lake: Lake, change_id: str) -> int:
    record = attempts_of(lake, change_id)
    return max({0, *record.intents, *record.outcomes}) + 1


def _path(lake: Lake, change_id: str, number: int, kind: str) -> Path:
    return changes_folder(lake) / change_id / f"{number:03}-{kind}.json"


def _journal(lake: Lake) -> Path:
    return changes_folder(lake) / "proposed.jsonl"
