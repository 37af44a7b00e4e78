"""Following the events of a source with details: each answer is the activity's detail, which contains its summary, too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import cast

from strava_pipeline.core.activities import local_years
from strava_pipeline.core.json_values import parse_json
from strava_pipeline.core.rows import Json
from strava_pipeline.lake.bronze.answers import AnswerFiles, land_detail, landing_of, newest_answer, set_aside_newest
from strava_pipeline.lake.gold.event_followup import (
    DueActivity,
    details_on_disk,
    is_answered,
    note_deletions,
    note_sighting,
    sort_queue,
)
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.event_answers import Answers
from strava_pipeline.operations.fetching import DETAILS, Errand, eta_of, fetch_by_year
from strava_pipeline.operations.options import EventsOptions
from strava_pipeline.operations.progress import progressing
from strava_pipeline.operations.source import BudgetedSource

ANOTHERS = "another athlete's activity"


@dataclass(slots=True)
class DetailAnswers(Answers):
    """Asks for activities by id, as far as the limits allow now, without waiting."""

    _due: dict[int, DueActivity] = field(default_factory=dict)

    def note_gone(self, gone: Mapping[str, datetime]) -> None:
        note_deletions(self.run.lake, {int(key): at for key, at in gone.items()}, self.source.owner())

    def fetch(self, options: EventsOptions) -> None:
        run, source = self.run, cast(BudgetedSource, self.source)
        waiting = {int(key): one for key, one in self.queue.waiting.items()}
        found = sort_queue(run.lake, waiting, run.years, run.now())
        for due, files in found.answered.items():
            self._sight(due, files)
        for key in found.finished:
            self.settle(str(key))
        if not found.due:
            return
        self._due = {due.activity_id: due for due in found.due}
        client, total = source.client_for(options), len(found.due)
        errand = Errand(
            DETAILS.name, lambda _: client.get_detail, self._unanswered, Lake.details_of, self._land, self._fail
        )
        with (
            client.pacing.without_waiting(),
            source.pace.calling(),
            progressing(run.progress, "Fetching what changed", total, eta_of(source, total)),
        ):
            fetch_by_year(run, source, errand, found.due, self.report.fetches)

    def _unanswered(self, lake: Lake, chosen: Sequence[DueActivity]) -> list[DueActivity]:
        """Those that no other run has fetched meanwhile."""
        files = details_on_disk(lake, {due.activity_id: due for due in chosen})
        left = []
        for due in chosen:
            answer = files.get(due.activity_id)
            if answer is not None and is_answered(due, answer):
                self._sight(due, answer)
            else:
                left.append(due)
        return left

    def _land(self, lake: Lake, _: Path, activity_id: int, body: bytes, at: datetime) -> None:
        activity, due = parse_json(body), self._due[activity_id]
        athlete, owner = activity.get("athlete"), self.source.owner()
        of = athlete.get("id") if isinstance(athlete, dict) else None
        if owner is not None and of not in (None, owner):
            self.report.refused[ANOTHERS] += 1
            self.queue.refused[ANOTHERS] = self.queue.refused.get(ANOTHERS, 0) + 1
            del self.queue.waiting[str(activity_id)]
            return
        path = land_detail(lake, self.run.years.clamp(local_years([activity])[0]), activity_id, body, at)
        self._note(due, path, activity)

    def _fail(self, _: Lake, __: Path, activity_id: int, body: bytes, status: int | None, at: datetime) -> None:
        self.give_up(str(activity_id), at)

    def _sight(self, due: DueActivity, files: AnswerFiles) -> None:
        """Use a detail on disk for the summary, too. A damaged one is fetched again next time."""
        activity = newest_answer(files)
        if activity is None or files.good is None:
            set_aside_newest(files)
        else:
            self._note(due, files.good, activity)

    def _note(self, due: DueActivity, detail: Path, activity: Json) -> None:
        at, _ = landing_of(detail)
        note_sighting(
            self.run.lake,
            detail,
            at,
            activity,
            listed=due.listed,
            years=self.run.years,
            athlete_id=self.source.owner(),
        )
        self.settle(str(due.activity_id), at)
