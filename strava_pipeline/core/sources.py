"""Where activities come from, best first: of one activity's rows from several sources, the row of the first one counts.

A further provider is a line here. Which rows are of one activity is decided by their ids.
"""

STRAVA = "strava"  # the API
STRAVA_JSON = "strava_json"  # the API's answers, as another tool kept them
STRAVA_ARCHIVE = "strava_archive"  # the bulk export: fewer fields, and rounded in the oldest
RUNNING_PAGE = "running_page"  # that tool's own list, thinned
FILE = "file"  # an activity file of which nobody tells more

SOURCES = [STRAVA, STRAVA_JSON, STRAVA_ARCHIVE, RUNNING_PAGE, FILE]  # a list, as DuckDB takes it

IMPORTED = frozenset({STRAVA_JSON, STRAVA_ARCHIVE, RUNNING_PAGE, FILE})  # what the command `import` brings
