"""`make size`: lines of code by room and of the tests, beside the limits in `.ci/size.toml`. Exit code 1 where a limit is exceeded.

    python -m strava_pipeline_tests.size [lower]      lower: today's figures become the limits

A line of Python counts unless it is blank, a comment, a docstring or an import; a line of SQL, of a template, a script or a style sheet
counts unless it is blank or a comment. Files in a folder `vendor` are other people's: they are counted apart, without a limit.
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

REPO = Path(__file__).resolve().parent.parent
LIMITS = REPO / ".ci" / "size.toml"
HEAD = "# Limits of `make size`: product and tests. The rooms show where the product grew. `make size LOWER=1` writes it all.\n"
TOTALS = ("product", "tests")
SILENT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
COMMENTS = {
    ".sql": re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL),
    ".html": re.compile(r"\{#.*?#\}|<!--.*?-->", re.DOTALL),
    ".js": re.compile(r"^[ \t]*//[^\n]*|/\*.*?\*/", re.DOTALL | re.MULTILINE),
    ".css": re.compile(r"/\*.*?\*/", re.DOTALL),
    ".sh": re.compile(r"^[ \t]*#[^\n]*", re.MULTILINE),
}


def main(lower: bool) -> int:
    """Print the table, then which limits are exceeded or can be lowered; returns the exit code."""
    rooms = counted(REPO)
    vendored, tests = rooms.pop("vendored"), rooms.pop("tests")
    rows = {**dict(sorted(rooms.items())), "product": sum(rooms.values(), Counter()), "tests": tests}
    limits = tomllib.loads(LIMITS.read_text(encoding="utf-8"))
    print(f"{'':<12}{'Python':>8}{'other':>8}{'lines':>8}{'limit':>8}")
    for name, lines in {**rows, "vendored": vendored}.items():
        limit = limits[name] if name in TOTALS else ""
        print(f"{name:<12}{lines['.py']:>8}{lines.total() - lines['.py']:>8}{lines.total():>8}{limit:>8}")
    now = {name: lines.total() for name, lines in rows.items()}
    excess = list(exceeded(now, limits))
    if excess:
        print(*excess, sep="\n")
    elif lower:
        LIMITS.write_text("".join([HEAD, *(f"{name} = {lines}\n" for name, lines in now.items())]), encoding="utf-8")
    elif any(now[name] < limits[name] for name in TOTALS):
        print("There are fewer lines than the limits allow: `make size LOWER=1` lowers them.")
    return 1 if excess else 0


def exceeded(now: Mapping[str, int], limits: Mapping[str, int]) -> Iterator[str]:
    """A sentence for each total above its limit; the product's names the rooms that grew."""
    for total in TOTALS:
        if (more := now[total] - limits[total]) > 0:
            grown = {
                name: lines - limits.get(name, 0)
                for name, lines in now.items()
                if name not in TOTALS and total == "product"
            }
            rooms = ", ".join(f"{name} by {by}" for name, by in grown.items() if by > 0)
            yield (
                f"{total}: {more} lines above the limit in .ci/size.toml{rooms and f' (grown: {rooms})'}. "
                "Delete as many, or raise the limit in a commit of its own that says why."
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
    sys.exit(main(lower="lower" in sys.argv[1:]))
