"""The house's code location: one job, `athlete_run`, with a partition for each athlete of the registry (docs/adr/0103).

A run of it is a process in the athlete's folder, whose own Dagster keeps the details. Here are its beginning, its end
and its exit code; no data of an athlete's, and no asset of the pipeline.
"""
