"""`make size`: lines of code by room, beside those of the last release in `.ci/size.toml`, and what subjects spent of what they were allowed.

Exit code 1 where more was spent than is allowed, or where a subject's allowance was raised.

    python -m strava_pipeline_tests.size [release]      release: today's figures become those of the release, and nothing is allowed

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
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any

from strava_pipeline_tests.processes import ran

REPO = Path(__file__).resolve().parent.parent
FIGURES = REPO / ".ci" / "size.toml"
HEAD = "# Lines of code at the last release, by `make size RELEASE=1`; docs: CONTRIBUTING.md, *How much code there may be*.\n"
ALLOWED = "allowed"  # the table of subjects, each with the lines of product and tests that it may add
BESIDE = {ALLOWED, "tests", "vendored"}  # what is not the product
RECENT = 40  # commits of the file that are looked at
Allowed = Mapping[str, Mapping[str, int]]
SILENT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
COMMENTS = {
    ".sql": re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL),
    ".html": re.compile(r"\{#.*?#\}|<!--.*?-->", re.DOTALL),
    ".js": re.compile(r"^[ \t]*//[^\n]*|/\*.*?\*/", re.DOTALL | re.MULTILINE),
    ".css": re.compile(r"/\*.*?\*/", re.DOTALL),
    ".sh": re.compile(r"^[ \t]*#[^\n]*", re.MULTILINE),
}


def main(release: bool) -> int:
    """Print the table, then what was spent; returns the exit code."""
    rooms = counted(REPO)
    figures = tomllib.loads(FIGURES.read_text(encoding="utf-8"))
    now = {name: lines.total() for name, lines in sorted(rooms.items())}
    print(f"{'':<12}{'Python':>8}{'other':>8}{'lines':>8}{'release':>9}")
    for name, lines in sorted(rooms.items()):
        print(
            f"{name:<12}{lines['.py']:>8}{lines.total() - lines['.py']:>8}{lines.total():>8}{figures.get(name, ''):>9}"
        )
    print(f"{'product':<12}{'':>16}{product(now):>8}{product(figures):>9}")
    if release:
        FIGURES.write_text("".join([HEAD, *(f"{name} = {lines}\n" for name, lines in now.items())]), encoding="utf-8")
        return 0
    balance = spent(now, figures)
    print(
        *(f"{part}: {lines} lines spent of {allowed} allowed" for part, (lines, allowed) in balance.items()), sep="\n"
    )
    faults = [*overspent(balance), *raised(figures.get(ALLOWED, {}), earlier())]
    print(*faults, sep="\n", end="\n" * bool(faults))
    return 1 if faults else 0


def product(figures: Mapping[str, Any]) -> int:
    """The sum of the rooms."""
    return sum(figures[name] for name in figures.keys() - BESIDE)


def spent(now: Mapping[str, int], figures: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """Of the product and of its tests the lines added since the release, and how many all subjects together may add."""
    added = {"product": product(now) - product(figures), "tests": now["tests"] - figures["tests"]}
    subjects = figures.get(ALLOWED, {}).values()
    return {part: (lines, sum(subject[part] for subject in subjects)) for part, lines in added.items()}


def overspent(balance: Mapping[str, tuple[int, int]]) -> Iterator[str]:
    """A sentence for the product, or its tests, where more was spent than is allowed."""
    for part, (lines, allowed) in balance.items():
        if lines > allowed:
            yield f"{part}: delete {lines - allowed} lines, or do less: what .ci/size.toml allows is not raised."


def raised(allowed: Allowed, earlier: Iterable[Allowed]) -> Iterator[str]:
    """A sentence for each subject that was allowed less in an earlier commit."""
    for before in earlier:
        for name in allowed.keys() & before.keys():
            for part in ("product", "tests"):
                if allowed[name][part] > before[name][part]:
                    yield f"{name}: {before[name][part]} lines of {part} were allowed, and are not raised to {allowed[name][part]}."


def earlier() -> Iterator[Allowed]:
    """What was allowed in earlier commits, as far as this checkout has them."""
    commits = ran("git", "log", "--format=%H", "--", FIGURES.relative_to(REPO).as_posix(), cwd=REPO)
    for commit in commits.stdout.split()[:RECENT]:
        text = ran("git", "show", f"{commit}:{FIGURES.relative_to(REPO).as_posix()}", cwd=REPO).stdout
        yield tomllib.loads(text).get(ALLOWED, {})


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
