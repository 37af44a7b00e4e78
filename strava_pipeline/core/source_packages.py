"""Where the modules of a source are: in its folder of strava_pipeline/ingest, or in a third-party package.

Such a package declares an entry point of GROUP: the source's name, and the Python package that has the same modules as
a folder of ours. Installed packages are searched only for names that are not ours; a module is imported when it is
used.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.sources import SOURCES

GROUP = "strava_pipeline.sources"
OURS = "strava_pipeline.ingest"
"""The folder of our own sources."""


class UnusableSourceError(PipelineError):
    """A source of an installed package can't be used; the message names the package and says what to do."""


@dataclass(frozen=True, slots=True)
class DeclaredSource:
    """A source of an installed package.

    Args:
        name: the source's.
        package: the Python package with its modules.
        distribution: the installed distribution, as pip names it, with its version.
    """

    name: str
    package: str
    distribution: str


def declared_sources() -> dict[str, list[DeclaredSource]]:
    """The declarations of installed packages by source name; more than one if several packages claim the same name."""
    return _declared(tuple(sys.path))


@cache
def _declared(path: tuple[str, ...]) -> dict[str, list[DeclaredSource]]:
    from importlib.metadata import distributions  # a command that needs no such name does without

    found: dict[str, list[DeclaredSource]] = {}
    seen: set[str] = set()
    for each in distributions(path=list(path)):
        entries = each.entry_points.select(group=GROUP)
        if not entries or each.name in seen:  # Python imports the first one on the path
            continue
        seen.add(each.name)
        for entry in entries:
            one = DeclaredSource(entry.name, entry.value, f"{each.name} {each.version}")
            found.setdefault(entry.name, []).append(one)
    return found


def source_names() -> list[str]:
    """The names of the sources that installed packages bring, whether or not their modules can be imported."""
    return sorted(name for name, several in declared_sources().items() if _refusal(name, several) is None)


def refused_sources() -> Iterator[UnusableSourceError]:
    """The errors of installed packages whose source names can't be accepted."""
    refusals = (_refusal(name, several) for name, several in declared_sources().items())
    return (each for each in refusals if each is not None)


def unusable(source: str, why: str) -> UnusableSourceError:
    """The error that the source of an installed package can't be used, with what to do."""
    return UnusableSourceError(
        f"The source {source} of the installed package {declared_sources()[source][0].distribution} can't be used: {why}. "
        "Install a version of that package that works, or uninstall it."
    )


def _refusal(name: str, several: Sequence[DeclaredSource]) -> UnusableSourceError | None:
    if not name.isidentifier() or name != name.lower():
        return unusable(name, "a source's name has small letters, digits and _ only")
    if _is_ours(name):
        return unusable(name, "strava_pipeline itself has one of that name, which is used")
    if len(several) > 1:
        return unusable(name, f"{several[1].distribution} brings one of that name, too")
    return None


def _is_ours(name: str) -> bool:
    return name in SOURCES or (name.isidentifier() and find_spec(f"{OURS}.{name}") is not None)


def import_part(source: str, part: str) -> ModuleType | None:
    """The module `part` of a source, such as its record, or None if no source has that name.

    Raises UnusableSourceError if a third-party package can't be used, ModuleNotFoundError if one of ours lacks the
    module.
    """
    if _is_ours(source):
        return import_module(f"{OURS}.{source}.{part}")
    if not (several := declared_sources().get(source)):
        return None
    if refusal := _refusal(source, several):
        raise refusal
    try:
        return import_module(f"{several[0].package}.{part}")
    except Exception as error:
        module = f"{several[0].package}.{part}"
        raise unusable(source, f"{module} can't be imported ({type(error).__name__}: {error})") from error
