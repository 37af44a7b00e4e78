"""What is said of devices that met: numbers by pair and quantity, what changed, and who errs by how much. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import inf
from typing import Any

from strava_pipeline.core.insights.goals import METRES_PER_FOOT, METRES_PER_MILE, Units
from strava_pipeline.core.pairs.agreement import DISTANCES, LIMITS, QUANTITIES
from strava_pipeline.core.pairs.changes import Change, Differ, changes_in
from strava_pipeline.core.pairs.hat import DeviceError, device_errors
from strava_pipeline.core.text import counted

_ALL = {**QUANTITIES, **DISTANCES}
TITLES = {name: each.title for name, each in _ALL.items()}
NAMELESS = "without a name"  # how the name of a device begins that nothing names
_WRIST = " (wrist)"
_PROGRAM = re.compile(
    r"\b(\w*gpx\w*|gpsbabel|wikiloc|openambit|xslt|example|zwift|rouvy|mywhoosh|trainerroad|trainerday|bkool|"
    r"kinomap|fulgaz|systm|peloton|strava|komoot|runkeeper|endomondo|runtastic|"
    r"mapmyride|mapmyrun|opentracks|fitotrack|gadgetbridge|gpslogger|oruxmaps|osmand|locus|health ?kit|apple health|google fit|"
    r"garmin connect|ridewithgps|ride with gps|intervals|basecamp|tcx)\b",
    re.IGNORECASE,
)
"""Names of programs and services that write files, and measure nothing themselves."""
_NO_WATCH = re.compile(
    r"\b(edge|bolt|roam|ace|karoo|rider|rox|dura|h[679]|h10|verity|oh1|hrm|tickr|rhythm|rouvy|zwift)\b", re.IGNORECASE
)
"""Names of bike computers, straps and armbands: what else measures a heart rate without naming a sensor may be a watch."""
_WORSE = 1.5  # times the error of the next one, by the ends of their intervals
_SCATTER = 1.5  # times the other: limits that became half as wide again, or were
_LEAST_LOST = 0.05  # of the seconds
_LONG, _TOLD_EFFORTS = 600, 3  # s of an effort, and so many of them tell a difference
_TOLD_SHARE, _TOLD_LOCKED, _TOLD_SCALE = 0.02, 60, 0.02  # what is worth a word; of the seconds, s, from 1


_SHOWN = {
    ("m/s", "km"): (3.6, "km/h", 1),
    ("m/s", "miles"): (3600 / METRES_PER_MILE, "mph", 1),
    ("m", "miles"): (1 / METRES_PER_FOOT, "ft", 0),
    ("°C", "miles"): (1.8, "°F", 1),
}
_FAR: Mapping[Units, tuple[float, str, int]] = {"km": (0.001, "km", 3), "miles": (1 / METRES_PER_MILE, "mi", 3)}
"""Units in which people read a quantity, and a distance, instead: what to multiply by, the unit's sign and digits."""


@dataclass(frozen=True, slots=True)
class NamedChange:
    """Something about a pair that became another number on a day: their difference, its spread, or dropouts."""

    of: str
    change: Change


def shown_in(quantity: str, units: Units) -> tuple[float, str, int]:
    """What the numbers of a quantity are multiplied by to be shown, the sign of the unit then, and the digits."""
    of = _ALL[quantity]
    return _FAR[units] if quantity in DISTANCES else _SHOWN.get((of.unit, units), (1.0, of.unit, of.digits))


def mean_text(value: float | None, quantity: str, units: Units) -> str:
    """A mean of a quantity with its unit: `50.0 °F`, where a difference of 10 °C is `18.0 °F`."""
    is_fahrenheit = shown_in(quantity, units)[1] == "°F"
    return value_text(value + 32 / 1.8 if is_fahrenheit and value is not None else value, quantity, units)


def value_text(value: float | None, quantity: str, units: Units, sign: str = "") -> str:
    """A difference in a quantity with its unit: `−6.0 bpm`."""
    if value is None:
        return "–"
    factor, unit, digits = shown_in(quantity, units)
    return f"{round(value * factor, digits) + 0.0:{sign}.{digits}f} {unit}".replace("-", "−")


@dataclass(frozen=True, slots=True)
class MetPair:
    """Two devices and how they agree in a quantity: the columns of `device_pairs.sql`, and what changed."""

    numbers: Mapping[str, Any]
    changes: Sequence[NamedChange]
    units: Units = "km"

    @property
    def is_distance(self) -> bool:
        return self.numbers["quantity"] in DISTANCES

    @property
    def days(self) -> list[str]:
        return [str(each["day"]) for each in self.numbers["by_effort"]]

    def text(self, value: float) -> str:
        return value_text(value, self.numbers["quantity"], self.units)

    @property
    def sides(self) -> tuple[str, str]:
        """The device that another one is told against, and that one: a wrist, if only one of them is."""
        first, second = self.numbers["first_by"], self.numbers["second_by"]
        return (second, first) if first.endswith(_WRIST) and not second.endswith(_WRIST) else (first, second)

    @property
    def sign(self) -> int:
        """1 where differences are those of the `sides`, the second one minus the first, and −1 where they are turned."""
        return 1 if self.sides[1] == self.numbers["second_by"] else -1

    @property
    def is_told(self) -> bool:
        """Whether enough efforts are long enough for their difference to be told."""
        return [each["seconds"] >= _LONG for each in self.numbers["by_effort"]].count(True) >= _TOLD_EFFORTS

    @property
    def name(self) -> str:
        return f"{self.numbers['first_by']} and {self.numbers['second_by']}"


def is_program(name: str) -> bool:
    """Whether a name is that of a program or a service, as `ZWIFT`."""
    return _PROGRAM.search(name) is not None


@dataclass(frozen=True, slots=True)
class Devices:
    """What is known of the devices. `named`: those that sources name, also programs; `errors`: by quantity and device."""

    named: Sequence[Mapping[str, Any]]
    pairs: Mapping[str, Sequence[MetPair]]
    errors: Mapping[str, Mapping[str, DeviceError]]

    def met_in(self, quantity: str) -> list[str]:
        """The devices that measured it beside another one, that with the least error first; without what nothing names."""
        pairs, errors = (pair.numbers for pair in self.pairs.get(quantity, ())), self.errors.get(quantity, {})
        names = {row[by] for row in pairs for by in ("first_by", "second_by") if NAMELESS not in row[by]}
        known = {name: each.value for name, each in errors.items() if each.value is not None}
        return sorted(names, key=lambda name: (known.get(name, inf), name))


def devices_of(named: Sequence[Mapping[str, Any]], rows: Iterable[Mapping[str, Any]], units: Units = "km") -> Devices:
    """The report of the rows of `devices.sql` and `device_pairs.sql`, in words of these units."""
    pairs: dict[str, list[MetPair]] = {name: [] for name in TITLES}
    for row in rows:
        pairs[row["quantity"]].append(MetPair(row, changes_of(row["quantity"], row["by_effort"]), units))
    met = {name: found for name, found in pairs.items() if found}
    return Devices(named, met, {name: found for name, each in met.items() if (found := _errors(name, each))})


def _errors(quantity: str, pairs: Sequence[MetPair]) -> Mapping[str, DeviceError]:
    """The error of each device, where three or more met; nothing of sums."""
    if quantity not in QUANTITIES:
        return {}
    met = {
        (pair.numbers["first_by"], pair.numbers["second_by"]): {
            each["activity_id"]: each["spread"] ** 2 for each in pair.numbers["by_effort"]
        }
        for pair in pairs
        if NAMELESS not in pair.name  # which may be several devices
    }
    names = {name for pair in met for name in pair}
    at_wrist = {
        row[f"{side}_by"]
        for row in (pair.numbers for pair in pairs)
        for side in ("first", "second")
        if _may_be_at_wrist(row, side)
    }
    alike = frozenset(pair for pair in met if at_wrist.issuperset(pair))
    return device_errors(met, alike) if len(names) > 2 else {}


def _may_be_at_wrist(row: Mapping[str, Any], side: str) -> bool:
    """Whether a heart rate is the wrist's, or a watch's that does not name its sensor."""
    name = row[f"{side}_by"]
    return name.endswith(_WRIST) or (
        row["quantity"] == "heartrate" and row[f"{side}_is_device"] and not _NO_WATCH.search(name)
    )


def changes_of(quantity: str, efforts: Sequence[Mapping[str, Any]]) -> list[NamedChange]:
    """What stands out over the efforts of a pair, in the order of their days: `day`, `difference`, `spread`, `dropouts`."""
    if quantity not in QUANTITIES:
        return []
    differ: Mapping[str, Differ] = {
        "difference": lambda before, after: abs(after - before) >= QUANTITIES[quantity].changed,
        "spread": lambda before, after: max(before, after) >= _SCATTER * min(before, after),
        "dropouts": lambda before, after: abs(after - before) >= _LEAST_LOST,
    }
    return [
        NamedChange(name, change)
        for name, each in differ.items()
        for change in changes_in([(effort["day"], effort[name]) for effort in efforts], each)
    ]


def change_words(pair: MetPair, each: NamedChange) -> str:
    """A change as a sentence: `Heart rate, since 2 March 2026: watch reads 6.0 bpm more than strap; before, as much as it.`"""
    after, before = each.change.after, each.change.before
    if each.of == "difference":
        what = f"{_reads(pair, after)}; before, {_more(pair, before)} it"
    elif each.of == "spread":
        what = f"{pair.name} scatter around each other by {pair.text(after)}, before by {pair.text(before)}"
    else:
        what = f"{pair.name} lack up to {after:.0%} of the seconds, before {before:.0%}"
    since = f"{each.change.since.day} {each.change.since:%B %Y}"
    return f"{TITLES[pair.numbers['quantity']]}, since {since}: {what}."


def _reads(pair: MetPair, apart: float) -> str:
    """How one of two devices reads beside the other."""
    first, second = pair.sides
    return f"{second} reads {_more(pair, apart)} {first}"


def _more(pair: MetPair, apart: float) -> str:
    """How much more the second of the `sides` reads: `6.0 bpm more than`."""
    apart *= pair.sign
    size = pair.text(abs(apart))
    return "as much as" if size == pair.text(0) else f"{size} {'more' if apart > 0 else 'less'} than"


def short_words(
    quantity: str, pairs: Sequence[MetPair], errors: Mapping[str, DeviceError], units: Units
) -> Sequence[str]:
    """Who errs and by how much, and since when, a sentence each."""
    told = [pair for pair in pairs if pair.is_told]
    if not told:
        return [f"Too few efforts of two devices to say more: it takes {_TOLD_EFFORTS} of ten minutes."]
    if told[0].is_distance:
        return pair_words(told[0])
    known = sorted((each.value, name) for name, each in errors.items() if each.value is not None)
    worst = worst_of(errors) if errors else None
    if known and (worst or len(known) == len(errors)):
        (_, best), (_, last) = known[0], known[-1]
        least, most = (value_text(value, quantity, units) for value, _ in (known[0], known[-1]))
        words = [f"{last} errs by {most}, {best} by {least}." if least != most else f"None errs by more than {most}."]
    else:
        reads = _reads(told[0], told[0].numbers["difference"])
        is_one = "reads as much as" in reads
        words = [f"{reads}.{'' if is_one else ' Two alone don’t say which of them is wrong.'}"]
    changes = sorted(
        ((each.change.since, each.of, pair, each) for pair in told for each in pair.changes), key=lambda row: row[:2]
    )
    of_worst = [row for row in changes if worst in row[2].sides] or changes
    return [*words, *(change_words(pair, each) for *_, pair, each in of_worst[:1])]


def pair_words(pair: MetPair) -> list[str]:
    """How two devices differ, as sentences, none of which says who is wrong. A changed difference is told by the change."""
    row = pair.numbers
    efforts = f"{counted(row['efforts'], 'effort')} ({row['seconds'] / 3600:.1f} h)"
    if pair.is_distance:
        share = (row["scale"] - 1) * 100
        more = "as much as" if abs(share) < 0.05 else f"{abs(share):.1f} % {'more' if share > 0 else 'less'} than"
        return [f"{row['second_by']} measured {more} {row['first_by']}, the median of {efforts}."]
    wide = pair.text((row["high_limit"] - row["low_limit"]) / 2)
    has_changed = any(each.of == "difference" for each in pair.changes)
    words = [] if has_changed else [f"{_reads(pair, row['difference'])}, the median of {efforts}."]
    each = f"each of {efforts}" if has_changed else "each"
    words.append(f"In {each}, 95 % of the seconds lie within ±{wide} of its mean difference.")
    if row["scale"] is not None and abs(row["scale"] - 1) >= _TOLD_SCALE:
        words.append(f"Where {row['first_by']} rises by 100, {row['second_by']} rises by {row['scale'] * 100:.0f}.")
    return [*words, *_faults(row, "first"), *_faults(row, "second")]


def _faults(row: Mapping[str, Any], side: str) -> Iterator[str]:
    name = row[f"{side}_by"]
    for what, told in _FAULTS.items():
        if (share := row[f"{side}_{what}"]) is not None and share >= _TOLD_SHARE:
            yield f"{name} {told} {share:.0%} of the seconds."
    if (row[f"{side}_locked"] or 0) >= _TOLD_LOCKED:
        yield f"{name} counted steps as heartbeats for {row[f'{side}_locked'] / 60:.0f} min in all."


def chart_lines(pair: MetPair) -> dict[str, list[float]]:
    """The difference of the `sides` in each effort with its limits of agreement, for a chart, in the order of `days`."""
    efforts, factor = pair.numbers["by_effort"], pair.sign * shown_in(pair.numbers["quantity"], pair.units)[0]
    lines = {"value": [factor * each["difference"] for each in efforts]}
    if not pair.is_distance:
        for name, sign in (("low", -pair.sign), ("high", pair.sign)):
            lines[name] = [factor * (each["mean"] + sign * LIMITS * each["spread"]) for each in efforts]
    return lines


_FAULTS = {
    "dropouts": "has no value in",
    "frozen": "stands still while the other moves in",
    "zeros": "is 0 while the other is not in",
}


def worst_of(errors: Mapping[str, DeviceError]) -> str | None:
    """The device that errs by far the most, if each one's error is told."""
    ordered = sorted(errors.items(), key=lambda each: -(each[1].low or 0.0))
    (name, worst), others = ordered[0], ordered[1:]
    is_told = worst.low is not None and all(each.high is not None for _, each in others)
    return name if is_told and all(worst.low > _WORSE * each.high for _, each in others) else None  # type: ignore[operator]


WHY = {
    "few": "can’t be told: too few efforts with two other devices",
    "disagree": "can’t be told: the numbers contradict each other, as where two share errors",
    "shared": "can’t be told: two of the three measure at the wrist, or may, and may share errors",
    "hidden": "can’t be told: it is too small to be seen beside the others’, at most",
}


def error_words(error: DeviceError, quantity: str, units: Units) -> str:
    """A device's error: `1.0 bpm (0.8 to 1.2)`, or why it can't be told."""
    if error.value is None:
        most = f" {value_text(error.high, quantity, units)}" if error.high is not None else ""
        return f"{WHY[str(error.why)]}{most}"
    low, high = (value_text(each, quantity, units).partition(" ")[0] for each in (error.low, error.high))
    return f"{value_text(error.value, quantity, units)} ({low} to {high})"


def answer_of(devices: Devices, units: Units) -> dict[str, Any]:
    """The report for programs, with words in these units: `devices` by name; by quantity `errors` of each one, a `summary`, and
    `pairs` with each effort by id.
    """
    return {
        "devices": {row["device_name"]: row for row in devices.named},
        "errors": {
            quantity: {
                name: {"words": error_words(each, quantity, units), **asdict(each)} for name, each in errors.items()
            }
            for quantity, errors in devices.errors.items()
        },
        "summary": {
            quantity: " ".join(short_words(quantity, pairs, devices.errors.get(quantity, {}), units))
            for quantity, pairs in devices.pairs.items()
        },
        "pairs": {
            quantity: {pair.name: _pair_answer(pair) for pair in pairs} for quantity, pairs in devices.pairs.items()
        },
    }


def _pair_answer(pair: MetPair) -> dict[str, Any]:
    return {
        "words": " ".join(pair_words(pair)),
        "changes": [change_words(pair, each) for each in pair.changes],
        **pair.numbers,
        "by_effort": {each["activity_id"]: each for each in pair.numbers["by_effort"]},
    }
