"""The bundle of one trip: its source data, decrypted; the format that `export` writes and everything reads.

The encrypted columns' contents are kept as received, because their oddities are evidence. Reading them into numbers is
track.py's and metrics.py's. No bundle shows its positions, its feedback or its diagnostic in a repr.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Self

from strava_pipeline.core.json_values import normal_instant, parse_instant

MISSING_START_END, RIDE_NOT_DETECTED, NOT_BIKE = "missing_start_end", "ride_not_detected", "not_bike"
_WITH_DIAGNOSTIC = frozenset({MISSING_START_END, RIDE_NOT_DETECTED, NOT_BIKE})


class State(StrEnum):
    """The outcome of reading one encrypted column; the five are kept apart in every report."""

    ABSENT = "absent"
    UNDECRYPTABLE = "undecryptable"
    MALFORMED = "malformed"
    EMPTY = "empty"
    OK = "ok"


@dataclass(frozen=True, slots=True)
class Decryption:
    """The state of each encrypted column, and which key (0 is the newest) opened `locations`, or None."""

    locations: State = State.ABSENT
    activity_distribution: State = State.ABSENT
    feedback: State = State.ABSENT
    key_index: int | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """The source's plain columns about the trip: metres, seconds, timestamps as `normal_instant` writes them."""

    distance_meters: Any = None
    start_time: str | None = None
    end_time: str | None = None
    duration_seconds: Any = None
    location_count: Any = None
    activity_type: str | None = None


@dataclass(frozen=True, slots=True)
class Bundle:
    """One trip. `activity_distribution` is None if it could not be read, `{}` if absent."""

    external_id: str
    platform: str | None = None
    status: str | None = None
    review_status: str | None = None
    rejection_reason: str | None = None
    summary: Summary = Summary()
    extra_properties: Any = field(default=None, repr=False)
    activity_distribution: Mapping[str, Any] | None = field(default_factory=dict, repr=False)
    locations: list[Any] = field(default_factory=list, repr=False)
    feedback: list[Any] = field(default_factory=list, repr=False)
    decryption: Decryption = Decryption()

    @property
    def diagnostic(self) -> Mapping[str, Any] | None:
        """The diagnostic of the latest feedback that has one."""
        latest, found = -float("inf"), None
        for entry in self.feedback:
            payload = entry.get("payload") if isinstance(entry, Mapping) else None
            if entry_comment(entry) not in _WITH_DIAGNOSTIC or not isinstance(payload, Mapping):
                continue
            submitted, diagnostic = submitted_at(entry), payload.get("diagnostic")
            if isinstance(diagnostic, Mapping) and submitted >= latest:
                latest, found = submitted, diagnostic
        return found

    def as_json(self) -> dict[str, Any]:
        """The bundle as `export` writes it."""
        found = exported(self) | {"summary": exported(self.summary)}
        del found["decryption"]  # which follows the diagnostic
        return found | {"diagnostic": self.diagnostic, "decryption": exported(self.decryption)}

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """The bundle in an export. Raises ValueError, which shows no value, for anything else.

        An older export has no `decryption`: its states follow from the contents.
        """
        if not isinstance(value, Mapping) or not isinstance(value.get("externalId"), str):
            raise ValueError("a trip is an object with the text externalId")
        summary = value.get("summary") or {}
        if not isinstance(summary, Mapping):
            raise ValueError(f"trip {value['externalId']}: summary is no object")
        locations, feedback = (_list(value, name) for name in ("locations", "feedback"))
        mix = value.get("activityDistribution")
        if mix is not None and not isinstance(mix, Mapping):
            raise ValueError(f"trip {value['externalId']}: activityDistribution is no object")
        return cls(
            external_id=value["externalId"],
            platform=_text(value, "platform"),
            status=_text(value, "status"),
            review_status=_text(value, "reviewStatus"),
            rejection_reason=_text(value, "rejectionReason"),
            summary=Summary(
                summary.get("distanceMeters"),
                normal_instant(summary.get("startTime")),
                normal_instant(summary.get("endTime")),
                summary.get("durationSeconds"),
                summary.get("locationCount"),
                summary.get("activityType"),
            ),
            extra_properties=value.get("extraProperties"),
            activity_distribution=mix,
            locations=locations,
            feedback=feedback,
            decryption=_decryption(value, locations, mix, feedback),
        )


def exported(held: "Bundle | Summary | Decryption") -> dict[str, Any]:
    """The fields by their names in an export, such as distanceMeters."""
    return {exported_name: getattr(held, name) for name, exported_name in _EXPORTED[type(held)].items()}


def _exported_name(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.title, rest))


_EXPORTED = {
    kind: {each.name: _exported_name(each.name) for each in fields(kind)} for kind in (Bundle, Summary, Decryption)
}


def entry_comment(entry: Any) -> str | None:
    """The comment code of one feedback, or None."""
    comment = entry.get("comment") if isinstance(entry, Mapping) else None
    return comment if isinstance(comment, str) else None


def submitted_at(entry: Any) -> float:
    """When one feedback was given, in epoch seconds; without a time, before all others."""
    parsed = parse_instant(entry.get("submitted_at")) if isinstance(entry, Mapping) else None
    return -float("inf") if parsed is None else parsed


def _list(value: Mapping[str, Any], name: str) -> list[Any]:
    found = value.get(name)
    if found is None:
        return []
    if not isinstance(found, list):
        raise ValueError(f"trip {value['externalId']}: {name} is no list")
    return found


def _text(value: Mapping[str, Any], name: str) -> str | None:
    found = value.get(name)
    if found is not None and not isinstance(found, str):
        raise ValueError(f"trip {value['externalId']}: {name} is no text")
    return found


def _decryption(
    value: Mapping[str, Any], locations: list[Any], mix: Mapping[str, Any] | None, feedback: list[Any]
) -> Decryption:
    decryption = value.get("decryption")
    if not isinstance(decryption, Mapping):
        held = [State.OK if there else State.EMPTY for there in (locations, mix, feedback)]
        return Decryption(held[0], held[1], held[2])
    index = decryption.get("keyIndex")
    if not (index is None or (isinstance(index, int) and not isinstance(index, bool))):
        raise ValueError(f"trip {value['externalId']}: decryption.keyIndex is no number")
    try:
        states = [State(str(decryption.get(name))) for name in ("locations", "activityDistribution", "feedback")]
    except ValueError:
        possible = ", ".join(State)
        raise ValueError(f"trip {value['externalId']}: a state of decryption is none of {possible}") from None
    return Decryption(states[0], states[1], states[2], index)
