"""core.places: the towns by which places are named."""

import csv
import gzip
import hashlib
from pathlib import Path

from strava_pipeline.core.places import TOWNS_FILE

NOTICE = Path(__file__).parents[2] / "NOTICE"


def test_towns_are_small_whole_and_attributed() -> None:
    packed = TOWNS_FILE.read_bytes()
    towns = [*csv.DictReader(gzip.decompress(packed).decode().splitlines())]
    assert len(packed) <= 500_000
    assert len(towns) > 40_000
    assert all(abs(int(town["latitude_100"])) <= 9_000 and abs(int(town["longitude_100"])) <= 18_000 for town in towns)
    assert all(town["name"].strip() == town["name"] != "" and int(town["thousands"]) >= 1 for town in towns)
    assert {"name": "Innsbruck", "latitude_100": "4726", "longitude_100": "1139", "thousands": "100"} in towns
    assert f"sha256 {hashlib.sha256(packed).hexdigest()}" in NOTICE.read_text()
