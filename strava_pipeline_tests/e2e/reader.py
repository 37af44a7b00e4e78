"""A reader as people have them: opens the published warehouse again and again, and writes down what it saw.

Run as a program: `reader.py SNAPSHOT`; ends when its standard input closes, printing one JSON object.
"""

import json
import select
import sys
import time
from pathlib import Path

import duckdb


def main(path: Path) -> None:
    opened, counts, problems = 0, set(), []
    while not select.select([sys.stdin], [], [], 0)[0]:
        if not path.exists():
            time.sleep(0.05)
            continue
        try:
            connection = duckdb.connect(str(path), read_only=True)
            activities = connection.execute("SELECT count(*) FROM activities").fetchall()[0][0]
            orphans = connection.execute(
                "SELECT count(*) FROM activity_details WHERE activity_id NOT IN (SELECT id FROM activities_all)"
            ).fetchall()[0][0]
            connection.close()
        except duckdb.Error as error:
            problems.append(str(error))
        else:
            opened += 1
            counts.add(activities)
            if orphans:
                problems.append(f"{orphans} details without an activity")
        time.sleep(0.1)  # without a pause two readers take both cores
    print(json.dumps({"opened": opened, "counts": sorted(counts), "problems": problems}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
