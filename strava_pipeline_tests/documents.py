"""The documents as programs read them: the pages there are, and the commands and queries in them. Checks nothing."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from strava_pipeline.cli import COMMANDS

REPO = Path(__file__).resolve().parent.parent


def is_of_absent_system(path: Path) -> bool:
    """Whether a page, or what a link leads to, lies in docs/trips/NAME, and there is no strava_pipeline/trips/NAME."""
    match path.relative_to(REPO).parts if path.is_relative_to(REPO) else ():
        case ("docs", "trips", name, *_):
            return not (REPO / "strava_pipeline" / "trips" / name).is_dir()
    return False


DOCUMENTS = sorted(
    path
    for path in (
        *REPO.glob("*.md"),
        *(REPO / "docs").rglob("*.md"),
        REPO / "data" / "README.md",
        REPO / "deploy" / "README.md",
    )
    if path.is_file() and not is_of_absent_system(path)
)
GUIDES = [path for path in DOCUMENTS if path.name != "CHANGELOG.md" and path.parent.name != "adr"]
PROGRAM = "strava-pipeline"
NO_COMMANDS = {"run ends"}  # a line of a log
SHELL_OPERATORS = {"|", "&&", "||", ";", ">", "<"}


def commands_in(text: str) -> Iterator[list[str]]:
    """Command lines of this program and of make: in code blocks, then in `code` within sentences."""
    for line in _code_lines(text):
        yield from _split(line)
    prose = re.sub(r"```.*?```|^ {4,}\S[^\n]*$", "", text, flags=re.DOTALL | re.MULTILINE)
    for code in re.findall(r"`([^`\n]+)`", prose):
        first, _, rest = code.partition(" ")
        if first in COMMANDS and rest and code not in NO_COMMANDS:
            yield from _split(f"{PROGRAM} {code}")
        elif first in (PROGRAM, f".venv/bin/{PROGRAM}", "make"):
            yield from _split(code)


def _code_lines(text: str) -> Iterator[str]:
    for block in re.findall(r"```(?:sh)?\n(.*?)```", text, re.DOTALL):
        yield from block.splitlines()
    yield from re.findall(r"^ {4,}(\S.*)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)


def _split(line: str) -> Iterator[list[str]]:
    """The parts of a shell line that call this program or make, without what stands before the program's name."""
    if PROGRAM not in line and "make " not in line:
        return
    try:
        words = shlex.split(line.replace("…", ""), comments=True)
    except ValueError:  # a picture or a sentence, not a command
        return
    part: list[str] = []
    for word in [*words, ";"]:
        if word in SHELL_OPERATORS:
            at = next((i for i, w in enumerate(part) if Path(w).name == PROGRAM or w == "make"), None)
            if at is not None:
                yield [Path(part[at]).name, *part[at + 1 :]]
            part = []
        else:
            part.append(word)


def queries_in(document: Path) -> Iterator[str]:
    text = document.read_text(encoding="utf-8")
    yield from re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
    for words in commands_in(text):
        if words[:2] == [PROGRAM, "sql"]:
            yield from (word for word in words if " " in word)
