"""Tags of runs and steps that are set in one file and read in others, and how the queue orders by them.

Dagster's UI hides those that begin with HIDDEN, which only programs read, and does not copy them to a re-execution.
Tags that a re-execution needs, that dagster.yaml names, or that find runs of earlier versions, keep their names.

Tags in Dagster: https://docs.dagster.io/guides/build/assets/metadata-and-tags/tags
"""

PRIORITY = "dagster/priority"  # of runs and steps, as Dagster documents it: commands that only read import no Dagster
HIDDEN = ".dagster/strava_pipeline_"
BACKFILL, SCHEDULE, SENSOR = "dagster/backfill", "dagster/schedule_name", "dagster/sensor_name"
MAX_RETRIES, RUN_KEY = "dagster/max_retries", "dagster/run_key"
PARTITION = "dagster/partition"
FIRST_PARTITION, LAST_PARTITION = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
DATA_DIR = f"{HIDDEN}data_dir"  # several data folders may share one Dagster instance
LIMIT = (
    "strava_pipeline/limit"  # which window of Strava's was full when a run stopped early; then, that it is gone on with
)
LIMITS_WAITED_FOR = ("15min", "day")  # the windows, as LIMIT has them until the run is gone on with
NO_LIMIT = "gone on with"  # value of LIMIT for a run that nothing is to continue
PROVIDER_LIMIT = (
    "strava_pipeline/limit_of_"  # and the provider's name: the asset that its limit stopped; later NO_LIMIT
)
NO_CHOICE = "strava_pipeline/no_years_chosen"  # on a run that named no years, and so has its job's
RESUMES = "strava_pipeline/resumes"  # the run that this one goes on with; dagster.yaml lets one at a time have a place
CATCHES_UP = f"{HIDDEN}catches_up"  # the day that a missed daily run is made good on
REQUEST = "strava_pipeline/request"  # the id of the request on the dashboard that the run carries out
HELD_BACK = "strava_pipeline/held_back"  # years of a run that a check refused; the others were merged and published
STOPPED_EARLY = "stopped_early"  # the limit or the outage that ended the work of a run
BY_HAND = "the command line"  # value of BY for a run that a person typed
BY = "by"  # who asked for the run, where Dagster's UI can't tell
ALERT = "strava_pipeline/alert"  # on a failed run: what became of the message about it; empty while nothing has

FIRST = {PRIORITY: "10"}  # the daily run: before whatever waits in the queue, which is 0 unless a person says so
LAST = {PRIORITY: "-10"}  # resumed runs: after everything that a person or a schedule requests

STEP_FIRST = {PRIORITY: "10"}  # for a step: before the others of its run that could begin
STEP_LAST = {PRIORITY: "-10"}  # when no other step of its run can begin


def limit_tag(provider: str) -> str:
    """The tag of a run that a limit of the provider stopped: its value is the first asset that it stopped, or NO_LIMIT."""
    return f"{PROVIDER_LIMIT}{provider}"
