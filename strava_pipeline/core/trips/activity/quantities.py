"""Numbers as people read them: each with its unit, none rounded to the other side of a limit. None is told as a dash."""

NOTHING = "–"
_PERCENT = "%"


def unit_of(metric: str) -> str:
    """The unit in which a metric is told; shares are told in percent, counts without one."""
    if metric.endswith(("_share", "_mismatch")) or metric.startswith("activity_mix."):
        return _PERCENT
    return next((unit for ending, unit in (("_kmh", "km/h"), ("_m", "m"), ("_s", "s")) if metric.endswith(ending)), "")


def told(value: float | None, unit: str = "") -> str:
    """`38.2 km/h`, `12.5 %`, `1.75 km`, `5 min 10 s`, `40`."""
    if value is None:
        return NOTHING
    if unit == "m" and abs(value) >= 1000:
        return f"{value / 1000:.2f} km"
    if unit == "s":
        return duration(value)
    return _with_unit(value, unit, 0 if unit == "" or (unit == "m" and abs(value) >= 100) else 1)


def round_length(metres: float) -> str:
    """A length of few digits: `0.5 m`, `200 m`, `5 km`."""
    return f"{metres:g} m" if metres < 1000 else f"{metres / 1000:g} km"


def limit_told(limit: float, unit: str) -> str:
    """A limit with no more decimals than it has: `35 km/h`, `5 %`."""
    return f"{_scaled(limit, unit):g} {unit}".rstrip()


def beside_limit(value: float | None, limit: float, unit: str) -> str:
    """A value in its limit's unit, with decimals until it reads as differing from it, where it differs."""
    if value is None:
        return NOTHING
    same = [
        places for places in range(7) if f"{_scaled(value, unit):.{places}f}" == f"{_scaled(limit, unit):.{places}f}"
    ]
    fewest = 0 if unit in ("", "s") else 1
    return _with_unit(value, unit, fewest if value == limit else max(fewest, len(same) % 7))


def duration(seconds: float) -> str:
    """`12.3 s`, `5 min 10 s`, `1 h 02 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds != int(seconds) else f"{int(seconds)} s"
    minutes, left = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {left:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def _with_unit(value: float, unit: str, places: int) -> str:
    return f"{_scaled(value, unit):.{places}f} {unit}".rstrip()


def _scaled(value: float, unit: str) -> float:
    return value * 100 if unit == _PERCENT else value
