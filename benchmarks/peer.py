"""A peer that merges details row by row, one INSERT each, as many programs do; typed by the product, so only that differs.

At a small number of activities, to be scaled: its time grows with the rows.
"""

from itertools import islice

from benchmarks.place import Place
from benchmarks.product import Work

ACTIVITIES = 200  # some 10,000 rows


def merge_details(place: Place) -> Work:
    import duckdb

    from strava_pipeline.core.activities import detail_frames
    from strava_pipeline.core.tables import TABLES
    from strava_pipeline.lake.detail_files import detail_files, read_details

    found = (files for year in place.years.all for files in detail_files(place.lake, year).values())

    def work() -> int:
        frames, _ = detail_frames(list(read_details(islice(found, ACTIVITIES))), athlete_id=None)
        with duckdb.connect(str(place.floor / "peer.duckdb")) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("BEGIN")
            for name, rows in frames.items():
                connection.execute(f"CREATE TABLE {name} ({TABLES[name].ddl})")
                insert = f"INSERT INTO {name} VALUES ({', '.join('?' * rows.width)})"
                for row in rows.iter_rows():
                    connection.execute(insert, row)
            connection.execute("COMMIT")
        return 0

    return work
