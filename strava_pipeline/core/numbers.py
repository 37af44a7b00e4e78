"""A record of what work came to, whose fields are the numbers that Dagster, logs and commands show of it."""

from dataclasses import fields
from datetime import datetime
from typing import Any


class Numbers:
    """Base of such a dataclass. Each field is shown under its name, but for those that `repr` leaves out.

    Numbers are shown also where they are 0, so that plots over runs have no holes; texts and lists where they hold something.
    A list `failed_ids` is also shown as a number, `failed`. `str()` is the sentence that a command prints; empty: none.
    """

    __slots__ = ()

    def shown(self) -> dict[str, Any]:
        """The numbers, texts, lists, dictionaries and moments by name, those of nested records among them."""
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
    """`first` and what of `more` has a value that isn't 0, None or empty, with semicolons between."""
    return "; ".join([first, *(text for value, text in more if value)])


def if_any(**found: str | int | list[Any] | dict[str, Any] | datetime | None) -> dict[str, Any]:
    """Texts, counts, lists, dictionaries and moments by name, without the empty ones."""
    return {name: value for name, value in found.items() if value}
