"""How many answers of cars bronze has of each year. Its files never change, so each is read once: the counts are kept."""

from collections.abc import Sequence

from pydantic import BaseModel, TypeAdapter, ValidationError

from strava_pipeline.core.pings.lines import Answered
from strava_pipeline.lake.files import write_whole
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.ping_log import ENDING, lines_in

_FILE = "car_readings.json"


class Counted(BaseModel, frozen=True):
    """Of the year's files up to `newest`: how many they are, answers of cars in them, and how many of those are none."""

    files: int = 0
    newest: str = ""
    readings: int = 0
    errors: int = 0


_KEPT = TypeAdapter(dict[int, Counted])


def count_readings(lake: Lake, years: Sequence[int]) -> dict[int, Counted]:
    """The counts of some years, by year of their coming (UTC). Raises PipelineError for a damaged file."""
    known = _known(lake)
    found = {year: _count(lake, year, known.get(year, Counted())) for year in years}
    if found.items() - known.items():
        write_whole(lake.state / _FILE, _KEPT.dump_json(known | found))
    return found


def _count(lake: Lake, year: int, before: Counted) -> Counted:
    answered, came = (
        {path.name for path in (of / str(year)).glob(f"*{ENDING}")} for of in (lake.car_readings, lake.pings)
    )
    names = sorted(answered & came)  # a run that died in between left answers alone: they come again
    if sum(name <= before.newest for name in names) != before.files:  # some were lost, or brought back
        before = Counted()
    new = [name for name in names if name > before.newest]
    lines = [line for name in new for line in lines_in(lake.car_readings / str(year) / name)]
    cars = [read for line in lines if isinstance(line, Answered) for read in line.cars]
    return Counted(
        files=len(names),
        newest=names[-1] if names else "",
        readings=before.readings + len(cars),
        errors=before.errors + sum(read.error is not None for read in cars),
    )


def _known(lake: Lake) -> dict[int, Counted]:
    try:
        return _KEPT.validate_json((lake.state / _FILE).read_bytes())
    except (FileNotFoundError, ValidationError):
        return {}
