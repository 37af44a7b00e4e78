"""How Garmin's two lists of gear, and its answer about an activity's gear, read. Pure."""

from collections.abc import Sequence
from typing import Any

from strava_pipeline.core.json_values import finite_number, without_none
from strava_pipeline.core.rows import Json


def read_gear(content: Any) -> Sequence[tuple[str, Json]]:
    """The gear in an answer with both of Garmin's lists: `legacy`, and `v2`, the pages of the newer one.

    Ids are uuids without dashes, in lower case, as the older list has them. A piece in both lists is named by the older one.
    """
    found: dict[str, dict[str, Any]] = {}
    for piece in (piece for page in content["v2"] for piece in page):
        key = gear_key(piece["uuid"])
        status = piece.get("status")
        known = {"uuid", "userProfilePk", "name", "status", "brand", "model", "distanceUsedMeters"}
        found[key] = without_none(
            {
                **{name: value for name, value in piece.items() if name not in known},
                "name": _first(piece.get("name"), _joined(piece.get("brand"), piece.get("model"))),
                "retired": status != "ACTIVE" if isinstance(status, str) else None,
                "brand_name": piece.get("brand"),
                "model_name": piece.get("model"),
                "distance": finite_number(piece.get("distanceUsedMeters")),
            }
        )
    for piece in content["legacy"]:
        key = gear_key(piece["uuid"])
        brand, model = piece.get("gearMakeName"), piece.get("gearModelName")
        status = piece.get("gearStatusName")
        known = {"uuid", "userProfilePk", "displayName", "customMakeModel", "gearStatusName", "gearMakeName"}
        known |= {"gearModelName"}
        older = {
            **{name: value for name, value in piece.items() if name not in known and not name.startswith("imageName")},
            "name": _first(piece.get("displayName"), piece.get("customMakeModel"), _joined(brand, model)),
            "retired": status.lower() != "active" if isinstance(status, str) else None,
            "brand_name": brand,
            "model_name": model,
        }
        found[key] = {**found.get(key, {}), **without_none(older)}
    return list(found.items())


def gear_key(uuid: str) -> str:
    """A piece's id without dashes, in lower case: one list has dashes, and the calls want none."""
    key = uuid.replace("-", "").lower()
    if not key:
        raise ValueError("a piece of gear has no id")
    return key


def gear_of_activity(content: Any) -> str | None:
    """The id of the first bike or shoes in the answer about an activity's gear, or None.

    An activity may carry several pieces, such as a bike and a power meter. Raises ValueError for any other answer.
    """
    if not isinstance(content, list) or not all(isinstance(piece, dict) for piece in content):
        raise ValueError("it is no list of gear")
    ranked = sorted(content, key=lambda piece: str(piece.get("gearTypeName")).lower() not in ("bike", "shoes"))
    return gear_key(str(ranked[0].get("uuid") or "")) if ranked else None


def _first(*names: Any) -> str | None:
    return next((name for name in names if isinstance(name, str) and name), None)


def _joined(*words: Any) -> str | None:
    return " ".join(word for word in words if isinstance(word, str) and word) or None
