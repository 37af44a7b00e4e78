"""Single values of an archive's CSV: instants in every known language, numbers of both blocks, yes and no. Pure.

`1.250` is ambiguous: whether it is more than a thousand follows from the other numbers of its table. Each function
returns None for a text that it can't read; the caller keeps the text and reports it.
"""

import math
import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime

_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?\s*([ap])?\.?\s?(?:m\b\.?)?", re.IGNORECASE)
_DOTTED_TIME = re.compile(r"(?<![\d.])(\d{1,2})\.(\d{2})\.(\d{2})(?![\d.])()")  # Danish, Finnish
_YEAR_FIRST = re.compile(r"\b(\d{4})\s*[-/.年년]\s*(\d{1,2})\s*[-/.月월]\s*(\d{1,2})")
_YEAR_LAST = re.compile(r"\b(\d{1,2})\s*([-/.])\s*(\d{1,2})\s*\2\s*(\d{4})\b")
_WORDS = re.compile(r"[^\W\d_]+")
_NUMBERS = re.compile(r"\d+")
_AFTERNOON, _MORNING = ("下午", "午後", "오후"), ("上午", "午前", "오전")
_MONTHS = (  # how a month's name begins, January first, in the languages that Strava writes
    "jan gen ene янв sty, feb fev lut фев, mar mae mrt мар, apr avr abr апр kwi, may mai mag mei maj май мая, "
    "jun juin giu июн cze, jul juil lug июл lip, aug aou ago авг sie, sep set сен wrz, oct okt ott out окт paz, "
    "nov ноя lis, dec dez dic des дек gru"
)
_MONTH = {word: number for number, words in enumerate(_MONTHS.split(", "), start=1) for word in words.split()}
_ACCENTS = "\u0300\u0301\u0302\u0308"  # grave, acute, circumflex, diaeresis; the breve makes another letter of и
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:([.,'’ \u00a0\u202f])\d{3})(?:\1\d{3})*")
_SPACES = r"'’\s"  # \s includes non-breaking spaces
_LEADING = re.compile(rf"[+-]?\d[\d.,{_SPACES}]*")
_BY_SIGN = {
    sign: re.compile(rf"[+-]?(?:\d+|[1-9]\d{{0,2}}(?:[{other}{_SPACES}]\d{{3}})+)(?:[{sign}]\d+)?")
    for sign, other in (".,", ",.")
}
"""The pattern of a number whose decimals begin with `sign`."""
_NONE = frozenset({"", "nan", "null", "none", "--", "-"})
_TRUTHS = {"true": True, "yes": True, "false": False, "no": False}


def instant(text: str, *, month_first: bool = False) -> datetime | None:
    """The UTC instant of a date as an archive writes it, without a zone.

    `month_first`: 03/04/2020 is March 4. A date without a time of day gives None.

        instant("Jan 31, 2026, 7:05:00 AM")  # 2026-01-31 07:05 UTC
    """
    time = _TIME.search(text) or _DOTTED_TIME.search(text)
    if time is None:
        return None
    if (exact := _with_zone(text)) is not None:
        return exact
    hour, minute, second = (int(part or 0) for part in time.group(1, 2, 3))
    half = (time.group(4) or "").lower()
    if half == "p" or any(word in text for word in _AFTERNOON):
        hour = hour % 12 + 12
    elif half == "a" or any(word in text for word in _MORNING):
        hour %= 12
    day = _day(text[: time.start()] + " " + text[time.end() :], month_first=month_first)
    try:
        return datetime(*day, hour, minute, second, tzinfo=UTC) if day else None
    except ValueError:
        return None


def month_comes_first(texts: Iterable[str], *, english: bool) -> bool | None:
    """Whether 03/04/2020 is March 4 in a file, by a date that has only one reading; None if unclear and relevant."""
    matters = False
    for text in texts:
        if (found := _YEAR_LAST.search(text)) is not None and found[2] == "/":
            first, second = int(found[1]), int(found[3])
            if first > 12 or second > 12:
                return second > 12
            matters = matters or first != second
    return None if matters and english else False


def decimal_sign(texts: Iterable[str]) -> str | None:
    """The decimal sign of a table, by its unambiguous numbers; None if it has none, or they disagree.

    A unit may follow a number.
    """
    found: set[str] = set()
    for text in {text for text in texts if "." in text or "," in text}:
        number = leading[0].rstrip() if (leading := _LEADING.match(text.strip())) else ""
        signs = [sign for sign, written in _BY_SIGN.items() if written.fullmatch(number)]
        found.update(signs if len(signs) == 1 else ())
    return found.pop() if len(found) == 1 else None


def number_by_sign(text: str, decimal: str | None) -> float | None:
    """The number in a text, given its table's decimal sign; None if it isn't a number, or the sign is unknown."""
    if decimal is None or not _BY_SIGN[decimal].fullmatch(text):
        return None
    whole, _, decimals = text.partition(decimal)
    return float(re.sub(r"[^\d+-]", "", whole) + "." + (decimals or "0"))


def raw_number(text: str, decimal: str | None = None) -> float | None:
    """A number of the raw block. If `decimal` is unknown, the decimal sign is a point, and commas divide thousands."""
    return _number(text, decimal if decimal == "," else None, raw=True)


def shown_number(text: str, decimal: str | None = None) -> float | None:
    """A number of the display block. Without a `decimal` sign, "1,250" and "1.250" are 1250; "9,72" and "5,0" have decimals."""
    return _number(text, decimal, raw=False)


def is_blank(text: str) -> bool:
    """Whether a cell is empty, or holds a word for "nothing"."""
    return text.strip().lower() in _NONE


def truth(text: str) -> bool | None:
    """Yes or no as either block writes it: a word, or a number, where all but 0 mean yes ("Flagged" is 2.0 in some rows)."""
    word = _TRUTHS.get(text.strip().lower())
    return bool(number) if word is None and (number := raw_number(text)) is not None else word


def _with_zone(text: str) -> datetime | None:
    try:
        parsed = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return parsed.astimezone(UTC) if parsed.tzinfo is not None and 1 < parsed.year < 9999 else None


def _number(text: str, decimal: str | None, *, raw: bool) -> float | None:
    text = text.strip()
    if (known := number_by_sign(text, decimal)) is not None:
        return known
    if raw:
        try:
            value = float(text)
        except ValueError:
            pass
        else:
            return value if math.isfinite(value) else None
    if _GROUPED.fullmatch(text):
        text = re.sub(r"[^\d+-]", "", text)
    else:
        last = max(text.rfind("."), text.rfind(","))
        if last >= 0:
            text = re.sub(r"[.,'’ \u00a0\u202f]", "", text[:last]) + "." + text[last + 1 :]
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _day(text: str, *, month_first: bool) -> tuple[int, int, int] | None:
    if (found := _YEAR_FIRST.search(text)) is not None:
        return int(found[1]), int(found[2]), int(found[3])
    if (found := _YEAR_LAST.search(text)) is not None:
        first, second, year = int(found[1]), int(found[3]), int(found[4])
        return (year, first, second) if month_first and found[2] == "/" else (year, second, first)
    month = next((number for word in _WORDS.findall(text) if (number := _month(word)) is not None), None)
    numbers = [int(number) for number in _NUMBERS.findall(text)]
    years, days = [each for each in numbers if each > 31], [each for each in numbers if 1 <= each <= 31]
    return (years[0], month, days[0]) if month is not None and len(years) == 1 and len(days) == 1 else None


def _month(word: str) -> int | None:
    parts = unicodedata.normalize("NFD", word.casefold())
    bare = unicodedata.normalize("NFC", "".join(sign for sign in parts if sign not in _ACCENTS))
    return next((number for size in (4, 3) if (number := _MONTH.get(bare[:size])) is not None), None)
