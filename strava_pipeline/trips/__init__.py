"""The systems besides activities, each complete in its folder. Other rooms find them by core/systems.py, through these modules:

tables       TABLES: its tables in the catalogue
jobs         JOBS: its jobs, as plain records; is_used: whether it is set up
keeping      merge: makes its tables again, in a rebuild
assets       assets: Dagster's, with their checks
schedules    schedules, sensors: what starts its runs
facts        GROUPS: its facts, for `status`, the page of services, the API and `metrics`
health       looks: the checks of `doctor`
measures     GROUPS: facts with measures, for `metrics` alone
intake       receivers: its part of the web intake
demo         its part of `demo`
pages        TEMPLATE, section: its part of the dashboard's page of trips
commands     app: its commands below `trips`
aliases      ALIASES: other names of these
"""

import strava_pipeline.core.tables  # noqa: F401 - the catalogue asks the systems for their tables, and so it comes first
