"""Default names that a service or a device gives an activity: no person wrote them, so they never lead. Pure.

Default names travel: the name from a watch's service appears at every service that received the ride from it. So a name
is judged by itself, whichever service shows it. The words are in default_names.toml, which is never complete: a missing
name is at worst proposed, and a person sees it; a superfluous one merely does not lead.
"""

import re
import tomllib
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from itertools import chain

from strava_pipeline.core.sports import GROUP_OF, is_in_names

_REMEMBERED = 65_536  # names: 10,000 activities at five providers have at most 50,000
_LONGEST = 300  # characters; no service makes a longer name
_FILE = re.compile(r".*\.(fit|gpx|tcx|kml|kmz|pwx|hrm|srm|wko|json|csv)(\.(gz|zip|bz2))?", re.IGNORECASE | re.DOTALL)
_FILE_STEM = re.compile(
    r"((activity|track|workout|route|active log|[a-z]+([_-][a-z]+)*[_-]) ?)?\d{3,}[\d _T:.Zz+-]*([ _-]activity)?"
    r"|[0-9a-f]{16,}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    re.IGNORECASE,
)
"""A file's name without its ending, or an id: 20240501_063000, track_123456."""
_NUMBER = re.compile(r"\d{1,7}(\.\d+)?")  # a number that a person may write: 42.195
_STEPS = re.compile(r"(?P<sport>[A-Z_]{3,}):\S.*", re.DOTALL)  # a workout as a watch sends it: "CYCLING:Tempo w/ …"
_COMPOUNDS = [sport for sport in GROUP_OF if sport != sport.capitalize()]  # GravelRide: nobody writes it so
_DATE = re.compile(r"\d{1,4}[-./年] ?\d{1,2}[-./月]|\d{1,2}:\d{2}|\b(19|20)\d\d\b")  # else it isn't a date


def is_default_name(
    name: str, *, places: Collection[str] = (), towns: Collection[str] = (), can_be_any: bool = True
) -> bool:
    """Whether an activity's name was made by a service or a device. An empty name is not one.

    Args:
        places: the sources' names of the place where it began, as far as known.
        towns: what else the place may be called: the nearest town, the city of its time zone.
        can_be_any: it need not be one of these, unless the name's source names one, or is a person's own list.
    """
    text = unicodedata.normalize("NFC", name).strip()
    return _is_default(text) or _is_place_and_sport(text, places, towns, can_be_any=can_be_any)


@dataclass(frozen=True, slots=True)
class _Words:
    """The tables of words, prepared for lookup."""

    before: re.Pattern[str]
    after: re.Pattern[str]
    in_one_word: re.Pattern[str]
    sports: frozenset[str]
    small: frozenset[str]
    placed: re.Pattern[str]
    in_places: frozenset[str]
    untitled: frozenset[str]
    of_program: re.Pattern[str]
    of_date: re.Pattern[str]


@cache
def _words() -> _Words:
    found = tomllib.loads(files(__package__).joinpath("default_names.toml").read_text("utf-8"))
    sports, others = found["sports"], found["others"]
    compounds = "|".join(f"({_any(parts)})({_any(sports)})" for parts, sports in found["in_one_word"].values())
    return _Words(
        before=re.compile(f"({_any([*chain(*found['before'].values())])})(?P<sport>.+)"),
        after=re.compile(f"(?P<sport>.+?)({_any([*chain(*found['after'].values())])})"),
        in_one_word=re.compile(compounds),
        sports=frozenset(sports["words"] + sports["small"]),
        small=frozenset(sports["small"]),
        placed=re.compile(f"(?P<place>.+?) (?P<sport>{_any([*sports['behind_place'], *_COMPOUNDS])})"),
        in_places=frozenset(sports["in_places"]),
        untitled=frozenset(others["untitled"]),
        of_program=re.compile(rf"({_any(others['programs'])})\s*([-–:|].*)?", re.IGNORECASE),
        of_date=re.compile(
            rf"\d{{1,4}}[-./年] ?\d{{1,2}}([-./月] ?\d{{1,4}}日?)?\.?|\d{{1,2}}:\d\d(:\d\d)?(\.\d+)?z?"
            rf"|\d{{4}}-\d\d-\d\dt[\d:.]+z?([+-][\d:]+)?|({_any(others['months'])})[a-z]*\.?,?|\d{{1,2}}(st|nd|rd|th)?[,.]?"
            r"|(19|20)\d\d,?|[ap]\.?m\.?|(mon|tue|wed|thu|fri|sat|sun)[a-z]*,?|on|at|um|le|de|[-,]"
        ),
    )


def _any(words: Collection[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


@lru_cache(_REMEMBERED)
def _is_default(text: str) -> bool:
    if len(text) > _LONGEST:
        return False
    folded, words = " ".join(text.casefold().split()), _words()
    return (
        folded in words.untitled
        or _is_sport(folded)
        or _is_by_time_of_day(text)
        or _is_of_a_program(text)
        or _FILE.fullmatch(text) is not None
        or (_FILE_STEM.fullmatch(text) is not None and _NUMBER.fullmatch(text) is None)
        or _is_date(folded)
    )


def _is_by_time_of_day(text: str) -> bool:
    words = _words()
    found = words.before.fullmatch(text) or words.after.fullmatch(text)
    sport = found["sport"].strip() if found is not None else ""
    # Services write a sport in Latin letters with a capital one: "Morning run" is a person's.
    is_small = sport[:1].isascii() and sport[:1].islower() and sport not in words.small
    return (bool(sport) and not is_small and _is_sport(sport.casefold())) or words.in_one_word.fullmatch(
        text
    ) is not None


def _is_of_a_program(text: str) -> bool:
    steps = _STEPS.fullmatch(text)
    return _words().of_program.fullmatch(text) is not None or (
        steps is not None and _is_sport(steps["sport"].casefold())
    )


def _is_date(folded: str) -> bool:
    """Whether it is a date, a time or both, possibly with the word of a sport: "running 8/30/15 7:05 am"."""
    if _DATE.search(folded) is None or _NUMBER.fullmatch(folded) is not None:
        return False
    rest = [word for word in folded.split() if _words().of_date.fullmatch(word) is None]
    return not rest or _is_sport(" ".join(rest))


def _is_sport(folded: str) -> bool:
    return folded in _words().sports or (not folded.isdigit() and is_in_names(folded))


def _is_place_and_sport(text: str, places: Collection[str], towns: Collection[str], *, can_be_any: bool) -> bool:
    """Whether it is "<Place> Cycling", or "<Place> - Base" (a planned workout's name) if the place is known."""
    words = _words()
    said = [unicodedata.normalize("NFC", each).strip() for each in places]
    for place in filter(None, (*said, *towns)):
        rest = text.removeprefix(place)
        if rest != text and ((place in said and rest.startswith(" - ")) or _is_sport(rest.strip().casefold())):
            return True
    placed = words.placed.fullmatch(text)
    if placed is None or not can_be_any:
        return False
    return all(word[:1].isupper() or word in words.in_places for word in placed["place"].split())
