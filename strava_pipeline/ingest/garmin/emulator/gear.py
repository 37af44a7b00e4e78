"""Gear by the two generations of its lists."""

from strava_pipeline.emulator.service import Json


def undashed(uuid: str) -> str:
    """A piece's id as the older list has it."""
    return uuid.replace("-", "")


def in_older_list(piece: Json) -> Json:
    """A piece of the newer list by the older one's names."""
    return {
        "uuid": undashed(piece["uuid"]),
        "gearMakeName": piece.get("brand"),
        "gearModelName": piece.get("model"),
        "gearTypeName": str(piece.get("gearType")).capitalize(),
        "gearStatusName": str(piece.get("status")).lower(),
        "displayName": piece.get("name"),
        "customMakeModel": None,
    }
