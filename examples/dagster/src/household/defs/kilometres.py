"""An asset of one's own below the athletes': kilometres of each year, read from both snapshots."""

import dagster as dg
from dagster_duckdb import DuckDBResource

YEARS = "SELECT year(start_date_local), sum(distance) / 1000 FROM activities GROUP BY ALL ORDER BY ALL"


@dg.asset(deps=[["ann", "published_warehouse"], ["bob", "published_warehouse"]], group_name="household")
def kilometres(ann__snapshot: DuckDBResource, bob__snapshot: DuckDBResource) -> dg.MaterializeResult:
    found = {}
    for name, snapshot in {"ann": ann__snapshot, "bob": bob__snapshot}.items():
        with snapshot.get_connection() as connection:
            found[name] = {str(year): round(sum_) for year, sum_ in connection.execute(YEARS).fetchall()}
    return dg.MaterializeResult(metadata=found)
