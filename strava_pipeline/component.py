"""The component `Athlete`: an athlete's history as a part of somebody else's Dagster project.

Only a `defs.yaml` and the entry point that `dg` looks through name this module, so no command loads it. What the definitions
are is orchestrate/'s.

Components in Dagster: https://docs.dagster.io/guides/build/components
"""

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any

import dagster as dg
from dagster.components import Scaffolder, ScaffoldRequest
from pydantic import ConfigDict, Field

if TYPE_CHECKING:
    from strava_pipeline.environment.settings import Settings


class AthleteScaffolder(Scaffolder):
    """Writes a `defs.yaml` with the folder and the prefix of a new athlete."""

    def scaffold(self, request: ScaffoldRequest[Any]) -> None:
        """Name both after the folder of the component."""
        name = request.target_path.name
        dg.scaffold_component(request, {"folder": f"athletes/{name}", "key_prefix": name})


def _condition(context: dg.ResolutionContext, condition: str | None) -> Any:
    return context.resolve_value(condition) if condition else None


@dg.scaffold_with(AthleteScaffolder)
class Athlete(dg.Component, dg.Model, dg.Resolvable):
    """An athlete's history: every activity from Strava and other services, merged by year into a DuckDB file.

    The athlete's folder has `.env`, logins, `providers.toml` and the data, as `strava-pipeline start` makes them there: secrets
    and settings come from it, none from this file or the environment. Schedules and sensors are stopped unless asked for.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    folder: Annotated[str, Field(description="The athlete's folder; a relative path starts at the project's root.")]
    key_prefix: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z][A-Za-z0-9_]*(/[A-Za-z0-9_]+)*$",
            description="In front of every asset key, and, with __, of the names of jobs, schedules, sensors and resources.",
            examples=["ann"],
        ),
    ]
    sources: Annotated[
        list[str] | None, Field(description="Only these sources, such as strava; default: all that are set up.")
    ] = None
    schedules: Annotated[bool, Field(description="Whether schedules and sensors start by themselves.")] = False
    first_year: Annotated[int | None, Field(ge=1970, le=2100, description="The first partition.")] = None
    group_prefix: Annotated[
        str | None, Field(pattern=r"^\w*$", description="In front of every group; default: the key prefix and _.")
    ] = None
    owners: Annotated[Sequence[str], Field(description="Further owners of every asset.")] = ()
    tags: Annotated[dict[str, str] | None, Field(description="Further tags of every asset.")] = None
    automation_condition: Annotated[
        dg.AutomationCondition[Any] | None,
        dg.Resolver(_condition, model_field_type=str),
        Field(description="Of the assets that follow from gold alone, such as '{{ automation_condition.eager() }}'."),
    ] = None

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The athlete's assets, checks, jobs, schedules and sensors. Raises MisuseError if another one has the data folder."""
        from strava_pipeline.orchestrate.build import build_defs
        from strava_pipeline.orchestrate.placing import Place, refuse_shared

        (folder, found), tree = self._settings(context), context.component_tree
        # a test's tree has no project
        athletes = tree.get_all_components(Athlete) if isinstance(tree.defs_module, ModuleType) else []
        others = {each.key_prefix: each._settings(context)[1].data_dir for each in athletes if each != self}
        refuse_shared(found.data_dir, self.key_prefix, others)
        first = {} if self.first_year is None else {"first_year": self.first_year}
        settings = found.model_copy(update={"automation": self.schedules, **first})
        prefix = tuple(self.key_prefix.split("/"))
        place = Place(
            prefix=prefix,
            folder=folder,
            group="_".join((*prefix, "")) if self.group_prefix is None else self.group_prefix,
            owners=self.owners,
            tags=self.tags or {},
            condition=self.automation_condition,
            sources=None if self.sources is None else frozenset(self.sources),
        )
        return build_defs(settings, only_set_up=True, place=place)

    def _settings(self, context: dg.ComponentLoadContext) -> "tuple[Path, Settings]":
        """The athlete's folder, and the settings in it."""
        from strava_pipeline.environment.process_owner import reading_folder
        from strava_pipeline.environment.settings import Settings

        folder = (context.project_root / Path(self.folder).expanduser()).absolute()
        with reading_folder(folder):
            return folder, Settings.load()
