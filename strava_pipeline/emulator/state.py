"""Everything one running emulator knows, put together from its configuration.

No HTTP: the endpoints of api.py, oauth.py and control.py read and change it.
"""

from dataclasses import dataclass, replace

from strava_pipeline.emulator.calls import CallLog
from strava_pipeline.emulator.clock import Clock
from strava_pipeline.emulator.config import EmulatorConfig
from strava_pipeline.emulator.dataset import athlete_of, gear_of, read_dataset
from strava_pipeline.emulator.deliveries import Deliveries
from strava_pipeline.emulator.faults import FaultPlan
from strava_pipeline.emulator.generate.athlete import detailed_athlete
from strava_pipeline.emulator.generate.world import GeneratedWorld
from strava_pipeline.emulator.limits import UNLIMITED, Usage
from strava_pipeline.emulator.pages import Pager
from strava_pipeline.emulator.store import Row, Store
from strava_pipeline.emulator.subscription import Subscriptions
from strava_pipeline.emulator.tokens import TokenStore
from strava_pipeline.emulator.wire import Json

DEFAULT_ATHLETE_ID = 3_412_345_678  # beyond 2^31, as athletes' ids may be


@dataclass(slots=True)
class State:
    """One emulator. `world` makes activities: all of them, or those that are ordered beside a dataset."""

    config: EmulatorConfig
    clock: Clock
    store: Store
    athlete: Json
    gear: dict[str, Json]
    world: GeneratedWorld
    tokens: TokenStore
    usage: Usage
    faults: FaultPlan
    calls: CallLog
    pager: Pager
    subscriptions: Subscriptions
    deliveries: Deliveries

    @property
    def epoch(self) -> float:
        """The emulator's now."""
        return self.clock.epoch()


def build_state(config: EmulatorConfig) -> State:
    """The emulator's memory at its start; raises EmulatorConfigError for a dataset that can't be served."""
    clock = Clock(config.now, config.speed)
    if config.dataset is not None:
        activities = read_dataset(config.dataset)
        athlete_id = config.athlete_id or athlete_of(activities) or DEFAULT_ATHLETE_ID
        world = GeneratedWorld(replace(config, activities=0), athlete_id)
        store, gear = Store(Row.of_document(activity) for activity in activities), gear_of(activities)
    else:
        athlete_id = config.athlete_id or DEFAULT_ATHLETE_ID
        world = GeneratedWorld(config, athlete_id)
        store, gear = Store(world.rows()), world.gear()
    return State(
        config=config,
        clock=clock,
        store=store,
        athlete=detailed_athlete(config, athlete_id, gear),
        gear={item["id"]: item for item in gear},
        world=world,
        tokens=TokenStore(config.seed, config.token_lifetime),
        usage=Usage(config.limits or UNLIMITED),
        faults=FaultPlan(),
        calls=CallLog(),
        pager=Pager(config.seed, config.short_pages),
        subscriptions=Subscriptions(config.seed, config.client_id),
        deliveries=Deliveries(config.seed),
    )
