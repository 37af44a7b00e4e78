"""A marimo notebook on the published warehouse: volumes by year, pace by month, gear. Opened read-only, so runs go on meanwhile.

pip install marimo
STRAVA_DATA_DIR=data marimo edit examples/notebook.py
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium")


@app.cell
def _():
    import os
    from pathlib import Path

    import duckdb
    import marimo as mo

    snapshot = Path(os.environ.get("STRAVA_DATA_DIR", "data")) / "warehouse" / "strava.duckdb"
    warehouse = duckdb.connect(str(snapshot), read_only=True)
    warehouse.execute("SET TimeZone = 'UTC'")

    def rows(query, **values):
        found = warehouse.execute(query, values)
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    return mo, rows


@app.cell
def _(mo, rows):
    by_time = "SELECT sport_group FROM totals_by_year GROUP BY 1 ORDER BY sum(moving_time_seconds) DESC"
    groups = [row["sport_group"] for row in rows(by_time)]
    group = mo.ui.dropdown(groups, value=next(iter(groups), None), label="Sport")
    group  # noqa: B018 - a cell shows its last expression
    return (group,)


@app.cell
def _(group, mo, rows):
    years = rows(
        """
        SELECT
            local_year,
            sum(activities)::BIGINT AS activities,
            round(sum(distance_m) / 1000) AS km,
            round(sum(moving_time_seconds) / 3600) AS hours,
            round(sum(elevation_gain_m)) AS climbed_m
        FROM totals_by_year
        WHERE sport_group = $sport
        GROUP BY local_year
        ORDER BY local_year
        """,
        sport=group.value,
    )
    mo.vstack([mo.md("## Volume by year"), mo.ui.table(years, selection=None)])
    return (years,)


@app.cell
def _(mo, rows):
    # the totals of all runs of a month, so that a long one counts for more
    pace = rows(
        """
        SELECT
            date_trunc('month', on_day) AS month,
            count(*) AS runs,
            round(sum(distance_m) / 1000, 1) AS km,
            round(sum(moving_time_seconds) / 60 / (sum(distance_m) / 1000), 2) AS minutes_per_km
        FROM counted_activities
        WHERE sport_group = 'run' AND distance_m > 1000 AND moving_time_seconds > 0
        GROUP BY month
        ORDER BY month
        """
    )
    mo.vstack([mo.md("## Running pace by month"), mo.ui.table(pace, selection=None)])
    return (pace,)


@app.cell
def _(mo, rows):
    gear = rows("FROM gear_mileage ORDER BY distance_m DESC")
    mo.vstack([mo.md("## Gear"), mo.ui.table(gear, selection=None)])
    return (gear,)


if __name__ == "__main__":
    app.run()
