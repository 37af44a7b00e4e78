"""What a person decided, a JSON line each, below data/decisions/: only ever appended to, and read by runs and by `rebuild`.

A kind of decision is a `Decision` with fields of its own, beside the code that follows it, and a file of its own. What a
decision means is not known here. A line that a power cut left torn was never promised to anyone: it is passed over and told.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from strava_pipeline.lake.files import append_line, sync_folder
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.paths import Lake


class Decision(BaseModel):
    """One line. `kind` names the file; `at` is when (UTC, by the server's clock), `by` what the person typed."""

    model_config = ConfigDict(frozen=True, strict=True)
    kind: ClassVar[str]
    at: AwareDatetime
    by: str


D = TypeVar("D", bound=Decision)


@dataclass(frozen=True, slots=True)
class DecisionFile(Generic[D]):
    """All decisions of a kind, in the order taken; `unreadable`: the numbers of lines that are none."""

    path: Path
    all: list[D] = field(default_factory=list)
    unreadable: list[int] = field(default_factory=list)


def record_decisions(lake: Lake, *taken: Decision) -> None:
    """Append decisions; they are on disk when this returns."""
    for decision in taken:
        _append(lake, _path(lake, type(decision)), f"{decision.model_dump_json()}\n".encode())


def decisions(lake: Lake, of: type[D]) -> DecisionFile[D]:
    """Every decision of a kind so far. Fields that this version doesn't know are passed over."""
    return _read(_path(lake, of), of)


def decision_files(lake: Lake) -> list[DecisionFile[Decision]]:
    """What can be read of every file, of whatever kind its decisions are."""
    return [_read(path, Decision) for path in sorted(lake.decisions.glob("*.jsonl"))]


def _read(path: Path, of: type[D]) -> DecisionFile[D]:
    found: DecisionFile[D] = DecisionFile(path)
    if not path.exists():
        return found
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        if line.strip():
            try:
                found.all.append(of.model_validate_json(line))
            except ValidationError:
                found.unreadable.append(number)
    return found


def _path(lake: Lake, of: type[Decision]) -> Path:
    return lake.decisions / f"{of.kind}.jsonl"


def _append(lake: Lake, path: Path, line: bytes) -> None:
    with locked(lake, "decisions"):
        append_line(path, line)
        sync_folder(path.parent)
        sync_folder(path.parent.parent)
