"""Tags of runs that are set in one file and read in others, and what the queue makes of them. No behaviour.

Not here: the two that are as old as the first run, `STOPPED_EARLY` (run_log.py) and `DATA_DIR` (resources.py).
"""

from dagster._core.storage.tags import PRIORITY_TAG

LIMIT = (
    "strava_pipeline/limit"  # which window of Strava's was full when a run stopped early; then, that it is gone on with
)
RESUMES = "strava_pipeline/resumes"  # the run that this one goes on with; dagster.yaml lets one at a time have a place
CATCHES_UP = "strava_pipeline/catches_up"  # the day that a missed daily run is made good on
ALERT = "strava_pipeline/alert"  # of a failed run: what became of the message about it

FIRST = {PRIORITY_TAG: "10"}  # the daily run: before whatever waits in the queue, which is 0 unless a person says so
LAST = {PRIORITY_TAG: "-10"}  # what goes on after a limit: behind all that a person or a clock asks for
