"""The devices that FIT's messages name: the one that recorded, and the sensors that it listened to.

They are named by manufacturer and model, as they are sold and as services name them: one device has one name, whatever
says it. A sensor's `product_name` and `descriptor` are never used: they hold what a person called it, or a Bluetooth name
with digits of the serial number.
"""

import re
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


MAKERS = {
    "4iiiis": "4iiii",
    "coros": "COROS",
    "favero_electronics": "Favero",
    "igpsport": "iGPSPORT",
    "polar_electro": "Polar",
    "srm": "SRM",
    "stages_cycling": "Stages",
    "tomtom": "TomTom",
    "wahoo_fitness": "Wahoo",
}
"""Manufacturers whose name isn't FIT's word with a capital."""
SERIES = {"fr": "Forerunner", "fenix": "fēnix", "hrm": "HRM", "venusq": "Venu Sq"}
SHORT_WORDS = ("hr", "lte")
REGION = re.compile("_(apac|asia|china|chn|hebrew|japan|jpn|kor|korea|russia|sea|taiwan|thai|twn)(?=_|$)")


def creator(file_id: Mapping[str, Any]) -> str | None:
    """Manufacturer and model of the device."""
    return device_name(file_id.get("manufacturer"), file_id.get("product_name") or _product(file_id))


def device_name(manufacturer: str | int | None, model: str | int | None) -> str | None:
    """What a device is called; None if nothing is known of it.

    >>> device_name("coros", "COROS APEX Pro"), device_name("wahoo_fitness", 31), device_name("zwift", 0)
    ('COROS APEX Pro', 'Wahoo 31', 'Zwift')
    """
    word, named = str(manufacturer or ""), str(model or "")
    maker = MAKERS.get(word) or word.replace("_", " ").title()
    return named if named.startswith(f"{maker} ") else f"{maker} {named}".strip() or None


def _as_sold(model: str) -> str:
    """FIT's word for a model in the maker's spelling, without the region that it is sold in.

    >>> [_as_sold(model) for model in ("fr735xt_asia", "hrm_dual", "vivo_active_hr")]
    ['Forerunner 735XT', 'HRM-Dual', 'vívoactive HR']
    """
    words = REGION.sub("", model.removesuffix(SHORT_ID)).replace("vivo_", "vivo").split("_")
    series, number = re.findall(r"^(\w[a-z]+)?(.*)", words[0])[0]
    named = SERIES.get(series.lower(), series.capitalize()).replace("Vivo", "vívo")
    rest = [
        word.upper() if word in SHORT_WORDS or word[:1].isdigit() else word[:1].upper() + word[1:]
        for word in (number, *words[1:])
    ]
    return " ".join(filter(None, [named, *rest])).replace("HRM ", "HRM-")


def sensors(device_infos: Iterable[Mapping[str, Any]], sport: str | None) -> dict[str, str]:
    """The sensor of each column of TRACK, such as `{"heartrate": "Garmin HRM-Pro", "watts": "meter"}`.

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
    return device_name(manufacturer, _product(device_info))


def _product(message: Mapping[str, Any]) -> str | int | None:
    named = message.get("garmin_product") or message.get("favero_product")
    return _as_sold(named) if isinstance(named, str) else named or message.get("product")
