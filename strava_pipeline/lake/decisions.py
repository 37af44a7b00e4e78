"""A person's decisions, a JSON line each, below data/decisions/: append-only, read by runs and by `rebuild`.

Each kind of decision is a subclass of `Decision` in the module that follows it, and has a file. The meaning of a
decision is not known here. A line torn by a power cut was never confirmed: it is skipped and reported.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from pydantic import AwareDatetime, BaseModel, ValidationError

from strava_pipeline.lake.files import append_line, sync_folder
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.paths import Lake


class Decision(BaseModel, frozen=True, strict=True):
    """A line. `kind` names the file; `at`: when (UTC, by the server's clock); `by`: the command that the person typed."""

    kind: ClassVar[str]
    at: AwareDatetime
    by: str


D = TypeVar("D", bound=Decision)


@dataclass(frozen=True, slots=True)
class DecisionFile(Generic[D]):
    """All decisions of a kind, in order; `unreadable`: the numbers of unreadable lines."""

    path: Path
    all: list[D] = field(default_factory=list)
    unreadable: list[int] = field(default_factory=list)


def record_decisions(lake: Lake, *new: Decision) -> None:
    """Append decisions, those of a kind at once; they are on disk on return."""
    lines: dict[Path, bytes] = {}
    for decision in new:
        path = _path(lake, type(decision))
        lines[path] = lines.get(path, b"") + f"{decision.model_dump_json()}\n".encode()
    for path, content in lines.items():
        _append(lake, path, content)


def decisions(lake: Lake, of: type[D]) -> DecisionFile[D]:
    """Every decision of a kind so far. Fields that this version doesn't know are ignored."""
    return _read(_path(lake, of), of)


def decision_files(lake: Lake) -> list[DecisionFile[Decision]]:
    """The readable decisions of every file, of any kind."""
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


def _append(lake: Lake, path: Path, lines: bytes) -> None:
    with locked(lake, "decisions"):
        append_line(path, lines)
        sync_folder(path.parent)
        sync_folder(path.parent.parent)
