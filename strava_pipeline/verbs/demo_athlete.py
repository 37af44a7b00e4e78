"""The demo's athlete: the emulator's options, goals.toml, providers.toml, widgets and recordings. `demo` writes them,
`dev --demo` reads them.

The goals follow from the year so far, so that they are in reach whenever somebody tries the demo.
"""

from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from math import floor, log10
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from strava_pipeline.verbs.emulator import YEARS

if TYPE_CHECKING:
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.lake.gold.warehouse import Connection

SEED = 2026  # the same made-up athlete each time
_GOALS = (  # group, goal, column of totals_by_year, its unit, and what share of each goal is reached, before rounding
    ("ride", "distance_km", "distance_m", 1000, (1.04, 0.86)),
    ("ride", "elevation_m", "elevation_gain_m", 1, (0.68,)),
    ("run", "distance_km", "distance_m", 1000, (0.78,)),
    ("all", "count", "activities", 1, (0.93,)),
)
_TOTALS = """
    SELECT sport_group, sum(distance_m) AS distance_m, sum(elevation_gain_m) AS elevation_gain_m, sum(activities) AS activities
    FROM totals_by_year WHERE local_year = $year GROUP BY sport_group
"""


def athlete_options(activities: int, now: datetime) -> tuple[str, ...]:
    """The emulator's options for the demo's athlete, as of `now`: the same activities whenever the emulator starts again."""
    until = now.astimezone(UTC).replace(microsecond=0)
    years = f"{until.year - YEARS + 1}-{until.year}"
    options = {"activities": activities, "seed": SEED, "limits": "off", "years": years, "point-seconds": 10}
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return *words, "--recorded-until", until.isoformat()


def import_recordings(settings: "Settings", folder: Path, activities: int, now: datetime) -> None:
    """Import the FIT files of efforts that several devices of the athlete of `athlete_options` recorded, if there are any.

    The athlete says to which activities the files of the device that lies belong: a file may be somebody else's, so
    nothing joins it to an activity with another heart rate.
    """
    from strava_pipeline.core.sources import FILE, hashed_id
    from strava_pipeline.emulator.generate.activities import Athlete
    from strava_pipeline.emulator.generate.devices import device_files
    from strava_pipeline.lake.decisions import record_decisions
    from strava_pipeline.lake.gold.matches import MatchDecision
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.verbs.run_job import import_runs
    from strava_pipeline.verbs.run_report import print_outcome
    from strava_pipeline.verbs.terminal import print_wrapped

    athlete = Athlete(SEED, activities, (now.year - YEARS + 1, now.year), now.replace(microsecond=0))
    by, decisions = "strava-pipeline matches join", []
    with TemporaryDirectory(dir=folder) as temporary:
        recordings = Path(temporary) / "recordings"
        recordings.mkdir()
        for number, (activity, recorder, content) in enumerate(device_files(SEED, athlete.activities)):
            (recordings / f"{recorder.name}_{number}.fit").write_bytes(content)
            if recorder.lies:
                own = hashed_id(FILE, f"{sha256(content).hexdigest()}:0")
                decisions.append(MatchDecision(at=now, by=by, id=activity.id, other_id=own, joined=True))
        if decisions:
            print_wrapped("Files of efforts that two or three devices recorded, one of which lies:")
            record_decisions(Lake(settings.data_dir), *decisions)
            for outcome in import_runs(settings, [recordings]):
                print_outcome(outcome)


def athlete_toml(today: date) -> str:
    """The initial contents of goals.toml: the athlete's thresholds, and services of gear, one of which is due."""
    return f"""# What this athlete is and wants: `strava-pipeline goals check` explains it.
[[athlete]]
since = {today.year - YEARS + 1}-01-01
ftp = 228
threshold_heartrate = 164

[[athlete]]
since = {today.year - 1}-04-01
ftp = 245
threshold_heartrate = 166
weight_kg = 68.5

[service."Tarmac".chain]
every_km = 2000
done = [{today - timedelta(days=640)}, {today - timedelta(days=320)}]

[service."Tarmac".tyres]
every_km = 6000
done = [{today - timedelta(days=320)}]

[service."Saucony Ride 17".replaced]
every_km = 800
done = [{today - timedelta(days=240)}]
"""


def goals_toml(snapshot: "Connection", year: int) -> str:
    """Goals of `year`, of which 60 to 110 % are reached as of now; empty if nothing is recorded in it."""
    found = snapshot.execute(_TOTALS, {"year": year}).fetchall()
    columns = ("distance_m", "elevation_gain_m", "activities")
    totals = {group: dict(zip(columns, values, strict=True)) for group, *values in found}
    totals["all"] = {name: sum(each[name] or 0 for each in totals.values()) for name in columns}
    lines: dict[str, list[str]] = {}
    for group, goal, column, unit, shares in _GOALS:
        total = (totals.get(group, {}).get(column) or 0) / unit
        if wanted := [_rounded(total / share) for share in shares if total / share >= 10]:
            lines.setdefault(group, []).append(f"{goal} = {wanted}")
    return "".join(f"\n[{year}.{group}]\n" + "\n".join(goals) + "\n" for group, goals in lines.items())


_WIDGETS = {
    "longest": """-- title: The longest ride
-- kind: number
-- unit: km
SELECT max(distance_m) / 1000 AS distance, max_by(name, distance_m) AS name, max_by(on_day, distance_m) AS day
FROM counted_activities
WHERE sport_group = 'ride'
""",
    "months": """-- title: Kilometres by month
-- kind: bars
-- unit: km
SELECT
    strftime(on_day, '%Y-%m') AS month,
    sum(distance_m) FILTER (sport_group = 'ride') / 1000 AS ride,
    sum(distance_m) FILTER (sport_group = 'run') / 1000 AS run
FROM counted_activities
WHERE on_day > current_date - INTERVAL 1 YEAR
GROUP BY month
ORDER BY month
""",
    "starts": """-- title: Where activities begin
-- kind: map
-- page: yes
SELECT start_latlng[1] AS latitude, start_latlng[2] AS longitude, name, round(distance / 1000, 1) AS value
FROM activities
WHERE counts AND len(start_latlng) = 2
""",
}
"""Some of the widgets in docs/widgets.md, by name."""


def write_widgets(data_dir: Path) -> None:
    """Give the dashboard cards of the athlete's own."""
    from strava_pipeline.lake.paths import Lake

    folder = Lake(data_dir).widgets
    folder.mkdir(parents=True)
    for name, text in _WIDGETS.items():
        (folder / f"{name}.sql").write_text(text)


def providers_toml(today: date) -> str:
    """Every service enabled, with changes of the last year proposed there: some exist on any day.

    The emulated services have no files of activities, so none is asked for.
    """
    from strava_pipeline.core.providers import spec_of
    from strava_pipeline.ingest.registry import PROVIDERS

    return f"[changes]\npropose_since = {today - timedelta(days=365)}\n\n" + "".join(
        f"[providers.{name}]\nenabled = true\nauto_files = false\nwrite = {sorted(spec_of(name).edits)}\n".replace(
            "'", '"'
        )
        + ("wellness = true\n\n" if "wellness" in spec_of(name).kinds else "\n")
        for name in PROVIDERS
    )


def _rounded(value: float) -> int:
    """Rounded to two digits, as a person sets a goal, if 10 or more."""
    step = 10.0 ** (floor(log10(value)) - 1)
    return round(round(value / step) * step)
