"""Values out of the tables of a parsed TOML file: each checked where it is read, all faults collected, each with its place.

No fault tells a value: they are tokens and positions. What a file has to say is told elsewhere.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from strava_pipeline.core.trips.values import finite_number

_NUMBER = re.compile(r"\[\d+\]")


class Table:
    """One table. `place` is where it stands, as `users[0].cars[1]`; `faults` is shared by all tables of a file."""

    def __init__(self, values: Mapping[str, Any], place: str, faults: list[str]) -> None:
        self._values, self._place, self._faults = values, place, faults

    def place(self, name: str) -> str:
        """Where a value of this table stands."""
        return f"{self._place}.{name}".removeprefix(".")

    def fault(self, name: str, what: str) -> None:
        self._faults.append(f"{self.place(name)}: {what}")

    def has(self, name: str) -> bool:
        return name in self._values

    def only(self, *known: str) -> None:
        """What else stands here is a fault: mistyped, mostly."""
        for name in self._values:
            if name not in known:
                self.fault(_shown(name), f"no such setting; there are {', '.join(known)}")

    def text(self, name: str, expected: str, form: re.Pattern[str]) -> str:
        """The text; an empty one where it is not of that form."""
        value = self._values.get(name)
        if not isinstance(value, str) or not form.fullmatch(value):
            self.fault(name, f"expected {expected}")
            return ""
        return value

    def choice(self, name: str, among: Sequence[str]) -> str:
        value = self._values.get(name)
        if value not in among:
            self.fault(name, f"expected one of {', '.join(among)}")
            return among[0]
        return str(value)

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self._values.get(name)
        if not isinstance(value, bool):
            self.fault(name, "expected true or false")
        return value is True

    def number(self, name: str, low: float, high: float, expected: str) -> float:
        value = finite_number(self._values.get(name))
        if value is None or not low <= value <= high:
            self.fault(name, f"expected {expected}")
            return low
        return value

    def table(self, name: str) -> "Table | None":
        """The table of that name; None where there is none."""
        value = self._values.get(name)
        if isinstance(value, Mapping):
            return Table(value, self.place(name), self._faults)
        if name in self._values:
            self.fault(name, f"expected a table: [{self.place(name)}]")
        return None

    def tables(self, name: str) -> "list[Table]":
        """The tables of a list of them, written [[name]]."""
        values = self._values.get(name, [])
        if not isinstance(values, list) or not all(isinstance(value, Mapping) for value in values):
            self.fault(name, f"expected tables: [[{_NUMBER.sub('', self.place(name))}]]")
            return []
        return [Table(value, f"{self.place(name)}[{number}]", self._faults) for number, value in enumerate(values)]

    def unlike(self, name: str, value: str, earlier: dict[str, str]) -> None:
        """A fault where an earlier value, by its place, was the same."""
        if not value:
            return
        if value in earlier:
            self.fault(name, f"the same as {earlier[value]}; each needs its own")
        else:
            earlier[value] = self.place(name)


def _shown(name: str) -> str:
    """A name as a fault may show it: somebody may have pasted anything before the `=`."""
    return name if re.fullmatch(r"[A-Za-z_]{1,30}", name) else "(a name)"
