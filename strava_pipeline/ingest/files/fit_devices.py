"""The devices that FIT's messages name: the one that recorded, and the sensors that it listened to.

They are named by manufacturer and model. A sensor's `product_name` and `descriptor` are never used: they hold what a
person called it, or a Bluetooth name with digits of the serial number.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from fitdecode.profile import FIELD_TYPES

WRIST = "whr"  # FIT's name of a watch's own optical sensor
TRAINERS = ("fitness_equipment", "bike_trainer")
SENSORS: dict[str, tuple[str, ...]] = {
    "heartrate": ("heart_rate", WRIST),
    "watts": ("bike_power", *TRAINERS),
    "cadence": ("bike_cadence", "bike_speed_cadence", "bike_power", *TRAINERS),
    "speed": ("bike_speed", "bike_speed_cadence", *TRAINERS),
    "temperature": ("env_sensor",),
}
"""By column of TRACK the types of sensors that give it, as ANT+, Bluetooth and FIT name them, the preferred one first."""
FOOT_SPORTS = ("running", "walking", "hiking")
ON_FOOT: dict[str, tuple[str, ...]] = {"cadence": ("stride_speed_distance", "footpod"), "speed": ()}
"""The same where it differs on foot: a runner's power meter has the type bike_power, and GPS stands before a foot pod's speed."""
NAMELESS = {WRIST: "wrist", "heart_rate": "strap", "bike_power": "meter"}
ANT_TYPES: Mapping[int, str] = FIELD_TYPES["antplus_device_type"].enum
SHORT_ID = "_single_byte_product_id"  # the end of a Garmin strap's name by its older, shorter number


def creator(file_id: Mapping[str, Any]) -> str | None:
    """Manufacturer and model of the device."""
    model = file_id.get("product_name") or _product(file_id)
    return " ".join(str(word) for word in (file_id.get("manufacturer"), model) if word is not None) or None


def sensors(device_infos: Iterable[Mapping[str, Any]], sport: str | None) -> dict[str, str]:
    """The sensor of each column of TRACK, such as `{"heartrate": "garmin hrm_pro", "watts": "meter"}`.

    A nameless external heart rate monitor is a `strap`, although it may be an armband; the device's own is `wrist`.
    """
    models: dict[str | None, str | None] = {}
    for message in device_infos:
        kind = sensor_type(message)
        models[kind] = _model(message) or models.get(kind)
    types = SENSORS | ON_FOOT if sport in FOOT_SPORTS else SENSORS
    found = {column: next((kind for kind in kinds if kind in models), None) for column, kinds in types.items()}
    return {column: models[kind] or NAMELESS.get(kind, "sensor") for column, kind in found.items() if kind}


def sensor_type(device_info: Mapping[str, Any]) -> str | None:
    """The type as FIT names it, such as `heart_rate`. Older devices, which name no source, write ANT+'s number."""
    if "source_type" not in device_info:
        return ANT_TYPES.get(device_info.get("device_type", 0))
    names = (device_info.get(f"{source}_device_type") for source in ("antplus", "ble", "local"))
    return next((name for name in names if isinstance(name, str)), None)


def _model(device_info: Mapping[str, Any]) -> str | None:
    """None: the manufacturer is unknown (0), or it is a part of a device, whose fields some devices fill with anything."""
    manufacturer = device_info.get("manufacturer")
    if not manufacturer or device_info.get("source_type") == "local":
        return None
    return f"{manufacturer} {_product(device_info) or ''}".removesuffix(SHORT_ID).rstrip()


def _product(message: Mapping[str, Any]) -> Any:
    return message.get("garmin_product") or message.get("favero_product") or message.get("product")
