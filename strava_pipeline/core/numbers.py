"""Base of result records: the fields are the numbers that Dagster, logs and commands show."""

from dataclasses import fields
from datetime import datetime
from typing import Any


class Numbers:
    """Base of a result record. Each field is shown under its name, except those that `repr` leaves out.

    Numbers are shown even if 0, so that plots over runs have no holes; texts and lists only if not empty. A list
    `failed_ids` is also shown as a number, `failed`. `str()` is the sentence that a command prints; may be empty.
    """

    __slots__ = ()

    def shown(self) -> dict[str, Any]:
        """Numbers, texts, lists, dictionaries and moments by name, including those of nested records."""
        found: dict[str, Any] = {}
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if not field.repr:
                continue
            if isinstance(value, Numbers):
                found |= value.shown()
                continue
            if field.name.endswith("_ids"):
                found[field.name.removesuffix("_ids")] = len(value)
                value = [str(each) for each in value]
            if value or isinstance(value, int | float):
                found[field.name] = dict(value) if isinstance(value, dict) else value
        return found

    def __str__(self) -> str:
        return ""


def sentence(first: str, *more: tuple[Any, str]) -> str:
    """`first` and those texts of `more` whose value isn't 0, None or empty, joined by semicolons.

    >>> sentence("3 files", (2, "2 faults"), (0, "0 doubles"))
    '3 files; 2 faults'
    """
    return "; ".join([first, *(text for value, text in more if value)])


def if_any(**found: str | int | list[Any] | dict[str, Any] | datetime | None) -> dict[str, Any]:
    """Texts, counts, lists, dictionaries and moments by name, without the empty ones."""
    return {name: value for name, value in found.items() if value}
