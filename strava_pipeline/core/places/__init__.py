"""Towns of the world, for naming a place by the nearest one; made by docs/make_towns.py from GeoNames' places (NOTICE).

The file has `name`, `latitude_100` and `longitude_100` in hundredths of a degree, and `thousands` of people by their
first digit.
"""

from pathlib import Path

TOWNS_FILE = Path(__file__).parent / "towns.csv.gz"
