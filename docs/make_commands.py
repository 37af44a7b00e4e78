"""Writes the tables of commands in docs/commands.md from the commands' own help: `make docs`.

What stands around the tables is written by hand.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from strava_pipeline.cli import SUBCOMMANDS, SUBJECTS, app

PAGE = Path(__file__).parent / "commands.md"
MADE = re.compile(r"(?<=<!-- made by `make docs` -->\n).*?(?=<!-- to here -->)", re.DOTALL)


def main() -> None:
    for page, text in pages().items():
        page.write_text(text, encoding="utf-8")


def pages() -> dict[Path, str]:
    """The page → its text."""
    tables = "".join(f"\n{_table(subject, [*commands])}\n" for subject, commands in SUBJECTS.items())
    return {PAGE: MADE.sub(lambda _: f"{tables}\n", PAGE.read_text(encoding="utf-8"))}


def _table(subject: str, names: list[str]) -> str:
    rows = [f"| `{words}` | {help_text.splitlines()[0]} |" for name in names for words, help_text in _described(name)]
    return "\n".join([f"### {subject}", "", "| command | what it does |", "| --- | --- |", *rows])


def _described(name: str) -> Iterator[tuple[str, str]]:
    """A command, or those below it, each with its help. Hidden ones are left out; those of `trips` have guides of their own."""
    commands: Any = typer.main.get_command(app)
    context = commands.context_class(commands)
    for typed in [(name,), *(each for each in SUBCOMMANDS if each[0] == name)]:
        words, command, _ = commands.resolve_command(context, [*typed])
        below = {} if words == "trips" else getattr(command, "commands", {})
        if not below:
            yield words, command.help
        for more, each in below.items():
            if not each.hidden:
                yield f"{words} {more}", each.help


if __name__ == "__main__":
    main()
