"""`make size`: lines of code by room, beside those of the last release in `.ci/size.toml`. Exit code 1 where a room grew and nothing says for what.

    python -m strava_pipeline_tests.size [release]      release: today's figures become those of the release, without reasons

A line of Python counts unless it is blank, a comment, a docstring or an import; a line of SQL, of a template, a script or a style sheet
counts unless it is blank or a comment. Files in a folder `vendor` are other people's: they are counted apart, and may grow.
"""

import ast
import io
import re
import sys
import tokenize
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any

REPO = Path(__file__).resolve().parent.parent
FIGURES = REPO / ".ci" / "size.toml"
HEAD = "# Lines of code at the last release, by `make size RELEASE=1`; docs: CONTRIBUTING.md, *How much code there may be*.\n"
GROWN = "grown"  # the table of reasons, by room
BESIDE = {GROWN, "tests", "vendored"}  # what is not the product
GROWTH = 0.03  # of a room's lines, since the last release, for which no reason is asked
SILENT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
COMMENTS = {
    ".sql": re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL),
    ".html": re.compile(r"\{#.*?#\}|<!--.*?-->", re.DOTALL),
    ".js": re.compile(r"^[ \t]*//[^\n]*|/\*.*?\*/", re.DOTALL | re.MULTILINE),
    ".css": re.compile(r"/\*.*?\*/", re.DOTALL),
    ".sh": re.compile(r"^[ \t]*#[^\n]*", re.MULTILINE),
}


def main(release: bool) -> int:
    """Print the table, then which rooms grew without a reason; returns the exit code."""
    rooms = counted(REPO)
    figures = tomllib.loads(FIGURES.read_text(encoding="utf-8"))
    now = {name: lines.total() for name, lines in sorted(rooms.items())}
    print(f"{'':<12}{'Python':>8}{'other':>8}{'lines':>8}{'release':>9}")
    for name, lines in sorted(rooms.items()):
        print(
            f"{name:<12}{lines['.py']:>8}{lines.total() - lines['.py']:>8}{lines.total():>8}{figures.get(name, ''):>9}"
        )
    product, before = (sum(row[name] for name in row.keys() - BESIDE) for row in (now, figures))
    print(f"{'product':<12}{'':>16}{product:>8}{before:>9}")
    if release:
        FIGURES.write_text("".join([HEAD, *(f"{name} = {lines}\n" for name, lines in now.items())]), encoding="utf-8")
        return 0
    print(*(grown := [*unexplained(now, figures)]), sep="\n", end="\n" * bool(grown))
    return 1 if grown else 0


def unexplained(now: Mapping[str, int], figures: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each room that grew by more than `GROWTH` and has no line in the table `grown` that says for what.

    A room without a figure is new, or a part of one that was divided: it begins with what it has.
    """
    for name, lines in now.items():
        if (
            name != "vendored"
            and name not in figures.get(GROWN, {})
            and lines > figures.get(name, lines) * (1 + GROWTH)
        ):
            yield (
                f"{name}: {lines - figures[name]} lines more than at the last release. Delete as many as make it less than "
                f'{GROWTH:.0%}, or say for what in .ci/size.toml: a line {name} = "…" below [{GROWN}].'
            )


def counted(repo: Path) -> dict[str, Counter[str]]:
    """The lines of code by suffix: of each room, of the modules beside the rooms, of the tests, and of vendored files."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for folder in ("strava_pipeline", "strava_pipeline_tests"):
        for path in (repo / folder).rglob("*"):
            if path.suffix in {".py", *COMMENTS}:
                room = room_of(path.relative_to(repo))
                found[room][path.suffix] += code_lines(path.read_text(encoding="utf-8"), path.suffix)
    return found


def room_of(path: PurePath) -> str:
    """The row of the table that a file of the repository is counted in."""
    package, *folders = path.parts[:-1]
    if package == "strava_pipeline_tests":
        return "tests"
    return "vendored" if "vendor" in folders else folders[0] if folders else "modules"


def code_lines(text: str, suffix: str) -> int:
    """How many lines of a file with that suffix are code."""
    if suffix != ".py":
        return sum(bool(line.strip()) for line in COMMENTS[suffix].sub("", text).splitlines())
    tokens = (token for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.type not in SILENT)
    lines = {line for token in tokens for line in range(token.start[0], token.end[0] + 1)}
    return len(lines - set(unread_lines(ast.parse(text))))


def unread_lines(tree: ast.Module) -> Iterator[int]:
    """The lines of imports and of docstrings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from range(node.lineno, (node.end_lineno or 0) + 1)
        elif (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and ast.get_docstring(node) is not None
        ):
            yield from range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)


if __name__ == "__main__":
    sys.exit(main(release="release" in sys.argv[1:]))
