"""Writes the fields of answers and files that are models into docs/formats.md: `make docs`.

Names and types come from the model, meanings from the part *Args* of its docstring. What stands around them is written by hand.
"""

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from importlib import import_module
from inspect import getdoc
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import AwareDatetime, BaseModel

from strava_pipeline.core.insights.declared_numbers import DeclaredNumber, by_sentence

PAGE = Path(__file__).parent / "formats.md"
REFERENCE = Path(__file__).parent / "insights-reference.md"
DECLARED = re.compile(r"(?<=<!-- declared numbers, by `make docs` -->\n).*?(?=<!-- to here -->)", re.DOTALL)
MADE = re.compile(
    r"(<!-- fields of strava_pipeline\.([\w.]+)\.(\w+), by `make docs` -->\n).*?(?=<!-- to here -->)", re.DOTALL
)
MEANING = re.compile(r"^    ([\w, ]+): (.+(?:\n     .+)*)", re.MULTILINE)
WORDS = {
    AwareDatetime: "instant",
    NoneType: "null",
    Path: "text",
    bool: "true or false",
    date: "day",
    datetime: "instant",
    float: "number",
    int: "integer",
    str: "text",
}


def main() -> None:
    for page, text in pages().items():
        page.write_text(text, encoding="utf-8")


def pages() -> dict[Path, str]:
    """The page → its text."""
    rows = [_numbers(several, sentence) for sentence, several in by_sentence().items()]
    numbers = "\n".join(["", "| number | name | what it is |", "| --- | --- | --- |", *rows, "", ""])
    return {
        PAGE: MADE.sub(_table, PAGE.read_text(encoding="utf-8")),
        REFERENCE: DECLARED.sub(lambda _: numbers, REFERENCE.read_text(encoding="utf-8")),
    }


def _numbers(several: list[DeclaredNumber], sentence: str) -> str:
    ends = [several[0], several[-1]] if len(several) > 3 else several
    between = ", … " if len(several) > 3 else ", "
    names, titles = between.join(f"`{each.name}`" for each in ends), between.join(each.title for each in ends)
    return f"| {titles} | {names} | {sentence} |"


def _table(found: re.Match[str]) -> str:
    model = getattr(import_module(f"strava_pipeline.{found[2]}"), found[3])
    rows = [f"| `{name}` | {kind} | {meaning} |" for name, kind, meaning in _rows(model, "", set())]
    return "\n".join([f"{found[1]}", "| field | value | meaning |", "| --- | --- | --- |", *rows, "", ""])


def _rows(model: Any, before: str, shown: set[Any]) -> Iterator[tuple[str, str, str]]:
    """The fields of a model, each followed by those of the model that is its value, unless that was shown before."""
    explained = getdoc(model) or ""
    meanings = {
        name: " ".join(text.split())
        for names, text in MEANING.findall(explained.partition("Args:\n")[2])
        for name in names.split(", ")
    }
    for name, hint in _hints(model):
        meaning = meanings.get(name, "").removesuffix(".").replace("None", "null")
        yield f"{before}{name}", _kind(hint), meaning
        below, path = _below(hint)
        if below is not None and below not in shown:
            shown.add(below)
            yield from _rows(below, f"{before}{name}{path}.", shown)


def _hints(model: Any) -> Iterator[tuple[str, Any]]:
    """The type of each field that is written."""
    hints = get_type_hints(model)
    left_out = {name for name, each in getattr(model, "model_fields", {}).items() if each.exclude}
    names = [each.name for each in fields(model)] if is_dataclass(model) else model.model_fields
    return ((name, hints[name]) for name in names if name not in left_out)


def _kind(hint: Any) -> str:
    """A type in words."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Literal:
        return ", ".join(f"`{each}`" for each in parts)
    if origin in (Union, UnionType):
        return ", ".join(map(_kind, parts))
    if origin in (list, tuple):
        return "list"
    if origin is dict or _is_model(hint):
        return "object"
    return WORDS.get(hint, "any")


def _below(hint: Any) -> tuple[Any, str]:
    """The model in a type, or None, and what leads to it from the field: `[]` in a list, `.*` by a key."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return next((each for each in map(_below, parts) if each[0]), (None, ""))
    if origin in (list, tuple):
        return _below(parts[0])[0], "[]"
    if origin is dict:
        return _below(parts[1])[0], ".*"
    return hint if _is_model(hint) else None, ""


def _is_model(hint: Any) -> bool:
    return is_dataclass(hint) or (isinstance(hint, type) and issubclass(hint, BaseModel))


if __name__ == "__main__":
    main()
