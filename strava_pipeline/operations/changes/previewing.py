"""A preview of applying: each approved change is read at its service, and its requests are shown. Nothing is written."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from strava_pipeline.core.changes.states import ChangeState
from strava_pipeline.core.errors import PipelineError
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.writer import Request
from strava_pipeline.operations.changes.apply_step import upload_files, writer_of
from strava_pipeline.operations.changes.applying import MOST, in_order, obstacle, with_details
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.sources import Sources


@dataclass(frozen=True, slots=True)
class Preview:
    """The requests for a change. `problem`: why none would be sent; empty if they would be."""

    state: ChangeState
    requests: Sequence[Request] = ()
    problem: str = ""


def previews(
    run: RunContext, settings: Settings, states: Sequence[ChangeState], *, everything: bool
) -> Iterator[Preview]:
    """A preview of each change that the next run would write, in order. Each costs the calls of a reading."""
    sources = Sources(settings, run)
    with upload_files(run.lake) as details:
        for provider, of_provider in in_order(states).items():
            chosen = of_provider if everything else of_provider[:MOST]
            try:
                writer = writer_of(settings, run, sources, provider)
            except PipelineError as error:
                yield from (Preview(state, problem=str(error)) for state in chosen)
                continue
            for state in chosen:
                try:
                    change = with_details(state.change, details)
                    before = writer.read(change)
                    problem = obstacle(state, before)
                    yield Preview(state, () if problem else writer.requests(change, before), problem)
                except PipelineError as error:
                    yield Preview(state, problem=str(error))
