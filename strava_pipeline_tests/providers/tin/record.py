"""The record of the tin toy: a second provider, whose rows are as the toy's."""

from dataclasses import replace

from strava_pipeline.core.providers import page_reader
from strava_pipeline_tests.providers.toy import record as toy

SPEC = replace(
    toy.SPEC,
    name="tin",
    title="Tin toy",
    precedence=7,
    priority=5,
    read_page=page_reader("tin", toy.rows, toy.read_row),
)
