"""The record of the tin toy: a second provider, whose rows are as the toy's."""

from dataclasses import replace
from importlib import import_module

from strava_pipeline.core.providers import page_reader

toy = import_module("strava_pipeline.ingest.toy.record")  # mypy does not find it there

SPEC = replace(
    toy.SPEC,
    name="tin",
    title="Tin toy",
    precedence=7,
    priority=5,
    read_page=page_reader("tin", toy.rows, toy.read_row),
)
