"""A person's decisions, a JSON line each, below data/decisions/: append-only, read by runs and by `rebuild`.

Each kind of decision is a subclass of `Decision` in the module that follows it, and has a file. The meaning of a
decision is not known here. A line torn by a power cut was never confirmed: it is skipped and reported.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from pydantic import AwareDatetime, BaseModel, ValidationError

from strava_pipeline.lake.files import append_line, sync_folder, write_whole
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.paths import Lake


class Decision(BaseModel, frozen=True, strict=True):
    """A line. `kind` names the file; `at`: when (UTC, by the server's clock); `by`: the command that the person typed."""

    kind: ClassVar[str]
    at: AwareDatetime
    by: str


D = TypeVar("D", bound=Decision)
LeftOut = Callable[[bytes], bool]
FILES = tuple(
    f"{kind}.jsonl" for kind in ("bests", "changes", "corrections", "expired", "matches", "quarantine", "shrinks")
)
"""Those of all kinds. Files of other names are not kept a second time, and not brought back."""


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
    return [_read(path, Decision) for path in sorted(lake.decisions.glob("*.jsonl")) if path.is_file()]


def keep_decisions(lake: Lake) -> None:
    """Keep the lines of all decisions a second time, below the state; remove none there. Where it fails the next run does it."""
    with suppress(OSError), locked(lake, "decisions"):
        for name in FILES:
            kept = lake.kept_decisions / name
            there = decision_lines(kept)
            if new := _lacking(decision_lines(lake.decisions / name), there):
                kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                write_whole(kept, b"".join([*there, *new]))
                kept.chmod(0o600)


def lost_decisions(lake: Lake) -> dict[str, int]:
    """How many of the lines kept a second time the decisions lack, by the file's name."""
    kept, here = (
        {name: decision_lines(place / name) for name in FILES} for place in (lake.kept_decisions, lake.decisions)
    )
    return {name: len(lost) for name in FILES if (lost := _lacking(kept[name], here[name]))}


def bring_back_lines(
    lake: Lake, here: Path, place: Path, names: Iterable[str], is_left_out: LeftOut = lambda line: False
) -> dict[str, int]:
    """Add the lines of these files that the folder `here` lacks and another one has; returns how many, by file.

    None is removed. What is added stands before what was written since, as it did.
    """
    added = {}
    with locked(lake, "decisions"):
        for name in names:
            own, there = decision_lines(here / name), decision_lines(place / name)
            there = [line for line in there if not is_left_out(line)]
            if new := len(_lacking(there, own)):
                added[Path(name).name] = new
                write_whole(here / name, b"".join([*there, *_lacking(own, there)]))
    return added


def decision_lines(path: Path) -> list[bytes]:
    """The whole lines of a regular file: a pipe would hang who reads it. A torn line was never confirmed."""
    return (
        [line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")] if path.is_file() else []
    )


def _lacking(lines: list[bytes], there: list[bytes]) -> list[bytes]:
    known = {*there}
    return [line for line in lines if line not in known]


def _read(path: Path, of: type[D]) -> DecisionFile[D]:
    found: DecisionFile[D] = DecisionFile(path)
    if not path.is_file():
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
