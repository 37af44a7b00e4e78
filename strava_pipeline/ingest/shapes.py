"""The shape of a service's answers: paths, their types and counts; never a value. No files but `shape.json`.

A path is `workouts[].workout_summary.id`. Keys show only words that our code of the source, the catalogue or FIT's
profile names, so that a map whose keys are ids, dates, people or secrets shows none of these; a name that is also such
a word, as Mark, does show. In a source's folder, `shape.json` is the shape of its emulator's answers.
"""

import ast
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from strava_pipeline.core.sources import import_part
from strava_pipeline.core.tables import ACTIVITIES_ALL, TABLES

_KINDS = {dict: "object", list: "list", str: "text", bool: "truth", int: "number", float: "number", type(None): "null"}
_DEEPEST = 8  # levels; services' answers have five
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|_")
_FIELD = re.compile(r"[A-Za-z_][A-Za-z_0-9]*|[0-9]+")
_UNKNOWN, _NUMBER = "?", "#"
_TELLING = 4  # letters: a shorter word next to an unknown one may be a piece of a secret


@dataclass(slots=True)
class Shape:
    """For each path of a source's answers, the count of each type."""

    source: str
    paths: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, value: Any, path: str = "", depth: int = 0) -> None:
        """Count the contents of an answer, parsed from JSON."""
        counts = self.paths.get(path)
        if counts is None:
            counts = self.paths[path] = Counter()
        counts[_KINDS[type(value)]] += 1
        if depth == _DEEPEST:
            return
        if isinstance(value, dict):
            for key, inner in value.items():
                self.add(inner, below(self.source, path, key), depth + 1)
        elif isinstance(value, list):
            for item in value:
                self.add(item, f"{path}[]", depth + 1)

    def came(self, path: str) -> int:
        """How often the path had a value other than null."""
        return sum(count for kind, count in self.paths.get(path, {}).items() if kind != "null")


@lru_cache(maxsize=10_000)
def below(source: str, path: str, key: str) -> str:
    """The path of a key of the object at `path`."""
    return f"{path}.{safe_key(source, key)}".removeprefix(".")


def safe_key(source: str, key: str) -> str:
    """A key without unknown words: `avgHr`, `zone_#` for zone_12, `?` for a name, a date or a secret.

    >>> safe_key("garmin", "averageHR"), safe_key("garmin", "zone_12"), safe_key("garmin", "Anna")
    ('averageHR', 'zone_#', '?')
    """
    if key in _names_of(source):
        return key
    if not _FIELD.fullmatch(key):
        return _UNKNOWN
    words = _WORD.findall(key)
    letters = [word for word in words if word.isalpha()]
    unknown = {word for word in letters if word.lower() not in _words_of(source)}
    telling = [word for word in letters if word not in unknown and (not unknown or len(word) >= _TELLING)]
    if len(unknown) > len(telling):
        return _UNKNOWN
    shown = [_NUMBER if word.isdigit() else word if word in (*telling, "_") else _UNKNOWN for word in words]
    return re.sub(r"[?#_]*\?[?#_]*", _UNKNOWN, "".join(shown))


@cache
def _words_of(source: str) -> frozenset[str]:
    from fitdecode.profile import MESSAGE_TYPES  # all of this takes 15 ms, which a run without a new field does without

    names = {*_names_of(source)}.union(*map(_fields_in, record_file(source).parent.glob("*.py")))
    names |= {column.name for table in TABLES.values() for column in table.columns}
    names |= {each.name for message in MESSAGE_TYPES.values() for each in (message, *message.fields.values())}
    return frozenset(word.lower() for name in names for word in _WORD.findall(name))


@dataclass(frozen=True, slots=True)
class Differences:
    """The differences between answers and `shape.json`.

    Args:
        never_came: paths that a row is read from, and that no answer had.
        other_types: the types by path that the file lacks.
        unknown: paths that neither the file nor the record or a column names; without the paths below one.
    """

    never_came: list[str]
    other_types: dict[str, list[str]]
    unknown: list[str]


@dataclass(frozen=True, slots=True)
class KnownShape:
    """The known shape of a source's answers.

    Args:
        paths: the types of each path.
        needed: the paths that each row has, and whose loss changes its reading.
    """

    paths: Mapping[str, Iterable[str]]
    needed: Iterable[str] = ()

    def differences(self, seen: Shape) -> Differences:
        kinds = {path: {*kinds} - {"null"} for path, kinds in self.paths.items()}
        other = {
            path: sorted({*counts} - kinds[path] - {"null"})
            for path, counts in seen.paths.items()
            if kinds.get(path) and _UNKNOWN not in path
        }
        never = [path for path in self.needed if not seen.came(path) and "object" in seen.paths.get(above(path), {})]
        new = [path for path in seen.paths if path not in kinds and above(path) in kinds]
        unknown = [path for path in new if path.rpartition(".")[2] not in _names_of(seen.source)]
        return Differences(sorted(never), {path: found for path, found in other.items() if found}, sorted(unknown))


def above(path: str) -> str:
    """The path of the object or list that holds it."""
    return path.removesuffix("[]") if path.endswith("[]") else path.rpartition(".")[0]


def known_shape(source: str) -> KnownShape:
    """The shape in a source's `shape.json`; empty without one."""
    path = record_file(source).with_name("shape.json")
    return KnownShape(**json.loads(path.read_bytes())) if path.is_file() else KnownShape({})


def record_file(source: str) -> Path:
    """The file of a source's record."""
    module = import_part(source, "record")
    assert module is not None, f"{source} has a record"
    assert module.__file__ is not None, "it came from a file"
    return Path(module.__file__)


@cache
def _names_of(source: str) -> frozenset[str]:
    """The names in the record and in columns of activities, and the keys of `shape.json`."""
    columns = {name for column in ACTIVITIES_ALL.sourced for name in column.source or ()}
    keys = {path.rpartition(".")[2].removesuffix("[]") for path in known_shape(source).paths}
    return frozenset((columns | keys | _fields_in(record_file(source))) - {""})


def _fields_in(module: Path) -> set[str]:
    """The strings of a module that may be names of fields, one or several separated by blanks."""
    nodes = ast.walk(ast.parse(module.read_bytes()))
    texts = [node.value.split() for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return {word for words in texts if all(map(_FIELD.fullmatch, words)) for word in words}
