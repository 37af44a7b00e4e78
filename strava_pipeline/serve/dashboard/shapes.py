"""Shapes of the JSON API's answers, for its OpenAPI document. Nothing is made or checked by them when a request is answered.

A row of a table, and what a command shows with `--json`, is an object without fields here: they are in the data dictionary and in
docs/formats.md.
"""

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from strava_pipeline.core.changes.states import State
from strava_pipeline.lake.dashboard.fitness import LoadSeries, Window, ZoneBounds, ZoneTime
from strava_pipeline.lake.requests import RequestStanding

Row = dict[str, Any]


class Page(BaseModel):
    """A part of a collection."""

    next: str | None = Field(description="`cursor` of the next page; null: this is the last one")


class ActivityRow(BaseModel):
    """An activity of a list; metres, seconds, m/s."""

    id: int
    source: str
    source_id: str | None
    sources: list[str] = Field(description="all that have it")
    name: str | None
    sport_type: str | None
    sport_group: str
    start_date: datetime | None
    start_date_local: datetime | None
    distance: float | None
    moving_time: int | None
    elapsed_time: int | None
    total_elevation_gain: float | None
    average_speed: float | None
    average_heartrate: float | None
    average_watts: float | None
    suffer_score: float | None
    gear_source: str | None
    gear_id: str | None
    gear_name: str | None
    commute: bool | None
    trainer: bool | None
    private: bool | None
    visibility: str | None
    counts: bool = Field(description="false: in no total, such as a drive")
    place: str | None
    computed: list[str] = Field(
        description="the fields that no source says, computed of the track; `place`: the nearest town"
    )


class Totals(BaseModel):
    """Sums and means of a selection; null: nothing says it."""

    activities: int
    not_counted: int = Field(description="listed beside them, and in none of these sums: drives, legs")
    distance: float | None
    moving_time: int | None
    total_elevation_gain: float | None
    average_distance: float | None
    average_moving_time: float | None
    average_elevation_gain: float | None
    average_speed: float | None = Field(description="of the way as a whole")
    average_heartrate: float | None = Field(description="by time")
    sport_group: str | None = Field(description="that of all; null: there are several")


class Activities(Page):
    activities: dict[str, ActivityRow] = Field(description="by id, in the order that was asked for")
    totals: Totals = Field(description="of what counts of all that are selected")


class Photo(BaseModel):
    name: str
    size: int = Field(description="bytes")
    is_shown: bool = Field(description="whether browsers show it")


class Effort(BaseModel):
    efficiency: float | None = Field(description="W by bpm, or m by heartbeat")
    efficiency_by: Literal["watts", "speed"] | None
    decoupling: float | None = Field(description="per cent")
    decoupling_absent: Literal["no_heartrate", "no_power", "no_motion", "short", "stops"] | None


class Mark(BaseModel):
    record: str
    seconds: int | None
    value: float
    unit: Literal["m", "s", "W"]
    local_year: int
    place: int
    among: int
    place_of_year: int
    among_of_year: int
    is_of_all: bool = Field(description="false: the place is worth a mark in its year alone")


class SimilarActivity(BaseModel):
    name: str | None
    sport_type: str | None
    sport_group: str
    start_date_local: datetime | None
    distance_m: float
    moving_time_seconds: int | None
    elevation_gain_m: float | None
    average_speed: float | None
    has_track: bool
    is_on_route: bool = Field(description="on the same route")
    apart: float = Field(description="0: as far and as high, from the same place")


class ActivityInsights(BaseModel):
    zones: dict[str, dict[str, ZoneTime]] = Field(description="by measure and number")
    effort: Effort | None
    marks: dict[str, Mark] = Field(description="by record its places among the bests, the best first")
    similar: dict[str, SimilarActivity] = Field(description="by id, those most like it first")


class Activity(BaseModel):
    activity: Row
    detail: Row | None
    laps: dict[str, Row] = Field(description="by place, as all parts below")
    splits_metric: dict[str, Row]
    splits_standard: dict[str, Row]
    segment_efforts: dict[str, Row]
    best_efforts: dict[str, Row]
    sessions: dict[str, Row]
    lengths: dict[str, Row]
    left_out: dict[str, int] = Field(description="by the name of a part, how many more rows it has")
    photos: dict[str, Photo] = Field(description="by the hash of their bytes")
    has_track: bool
    bests: list[Row] = Field(description="its fastest times over standard distances, from short to long")
    insights: ActivityInsights


class Track(BaseModel):
    id: int
    begins_at: datetime | None = Field(description="when the first point was recorded")
    recorded: int = Field(description="how many points were recorded")
    track: dict[str, list[float | None]] = Field(description="by column; null: not recorded, or a pause")


class Sources(Page):
    id: int
    sources: dict[str, Row] = Field(description="by source and id there, the best first")


class Version(BaseModel):
    source: str
    valid_from: datetime
    valid_to: datetime | None
    changed_fields: list[str] | None
    previous: Row | None


class History(Page):
    id: int
    history: dict[str, dict[str, Version]] = Field(description="by id and number, the newest first")


class ServiceMonth(BaseModel):
    status: Literal["in_sync", "not_pulled", "requires_action"]
    activities: int
    pulled_at: datetime | None


class Month(BaseModel):
    status: Literal["in_sync", "not_pulled", "requires_action"]
    activities: int
    providers: dict[str, ServiceMonth]


class Calendar(BaseModel):
    months: dict[str, Month] = Field(description="by month, the newest first")


class ComparedMonth(Month):
    month: str
    obstacles: dict[str, str] = Field(description="by service, why nothing can be changed there")
    rows: dict[str, Row] = Field(description="by activity, the newest first")
    changes: dict[str, Row] = Field(description="by id, those that wait for a decision")
    left_out: int


class Change(BaseModel):
    kind: str
    provider: str
    source_id: str | None
    activity_id: int | None
    field: str | None
    old: Any
    new: Any
    source: str | None
    month: str | None
    start: datetime | None
    title: str | None
    status: State
    reason: str | None
    round: int
    proposed_at: datetime | None
    undoes: str | None
    seal: str = Field(description="of the change as it is shown; an approval needs it")
    attempts: dict[str, Row] | None = Field(None, description="what was sent and answered; of one change alone")


class DecidedChanges(BaseModel):
    changes: dict[str, Change]


class Changes(Page, DecidedChanges):
    pass


class Facts(BaseModel):
    facts: list[Row]


class Gear(BaseModel):
    name: str
    retired: bool | None
    activities: int
    distance_m: float | None
    moving_time_seconds: int | None
    first_on: date | None
    last_on: date | None


class GearOfServices(Page):
    gear: dict[str, dict[str, Gear]] = Field(description="by service and id there")
    maintenance: dict[str, dict[str, Row]] = Field(description="by gear and service, what is due first")


class Region(BaseModel):
    url: str | None = Field(description="of the file, which is read by ranges")
    box: tuple[float, float, float, float] | None = Field(description="west, south, east, north in degrees")
    min_zoom: int | None
    max_zoom: int | None
    bytes: int | None
    is_damaged: bool = Field(description="all else is null then")


class Regions(Page):
    regions: dict[str, Region] = Field(description="by the name of the file")


class Insights(BaseModel, extra="allow"):
    """The shape of `insights --json`."""

    goals_problem: str | None


class Fitness(BaseModel):
    first_on: date
    last_on: date
    load: LoadSeries | None
    load_methods: list[Row] = Field(description="by group and method what loads go by, most load first")
    sport_group: str = Field(description="that curves and zones are of")
    sport_groups: list[str] = Field(description="the groups with tracks, most of the period first")
    curves: dict[str, dict[str, Window]]
    track_years: list[int] = Field(description="the years with tracks, of which the curves are")
    zones: dict[str, dict[str, dict[str, float]]] = Field(description="seconds by measure, month and zone")
    zone_bounds: dict[str, dict[str, ZoneBounds]] = Field(description="by measure and zone")
    has_earlier: bool


class Heat(Page):
    zoom: int
    cells: dict[str, int] = Field(description="by column and row of tiles, how many activities came through")


class HeatTracks(BaseModel):
    zoom: int
    lines: dict[str, list[list[int]]] = Field(description="by activity; of each line columns and rows of tiles in turn")
    is_whole: bool = Field(description="whether no activity is left out")


class RouteRow(BaseModel):
    """A route; metres, seconds."""

    route_id: int
    athlete_id: int
    sport_group: str
    is_lap: bool = Field(description="laps within 500 m: they have no best time")
    name: str | None
    place: str | None = Field(description="where the first one began")
    activities: int
    length_m: float
    first_on: date | None
    last_on: date | None
    best_seconds: int | None
    best_activity_id: int | None
    variant_of: int | None
    variant_similarity: float | None


class Routes(Page):
    routes: dict[str, RouteRow] = Field(description="by id, the most taken first")


class RouteVariant(RouteRow):
    resemblance: float = Field(description="cells in common, as a share of the cells of either")


class RouteActivity(BaseModel):
    """An activity on a route; metres, seconds, m/s."""

    activity_id: int
    name: str | None
    on_day: date | None
    moment: int
    distance_m: float | None
    moving_time_seconds: int | None
    elapsed_time_seconds: int | None
    length_m: float
    similarity: float
    direction: float | None = Field(description="1: as the first one went, -1: the other way round")
    average_heartrate: float | None
    average_speed: float | None
    metres_per_beat: float | None


class OneRoute(Page):
    route: RouteRow
    variants: dict[str, RouteVariant]
    activities: dict[str, RouteActivity] = Field(description="by id, the newest first")


class ExplorerTile(BaseModel):
    activity_id: int = Field(description="the first one there")
    start_date_local: datetime | None
    activities: int


class ExplorerTiles(Page):
    zoom: int
    tiles: dict[str, ExplorerTile] = Field(description="by column and row of the tile, the latest first visit first")


class ExplorerSquare(BaseModel):
    x: int
    y: int
    side: int


class ExplorerTotals(BaseModel):
    zoom: int
    tiles: int
    square: ExplorerSquare | None = Field(description="its north-west tile, and the tiles of a side")
    cluster_tiles: int
    cluster: list[list[int]] = Field(description="its tiles: row, first and last column of each stretch")


class TilesGeoJson(Page):
    type: Literal["FeatureCollection"]
    features: list[Row]


class Notification(BaseModel):
    at: datetime
    category: Literal["info", "warning", "error"]
    message: str
    link: str | None
    run_id: str | None
    read: bool


class ReadNotifications(BaseModel):
    notifications: dict[str, Notification]


class Notifications(Page, ReadNotifications):
    unread: int = Field(description="of all")


class KeptFile(BaseModel):
    name: str
    bytes: int


class KeptRequest(BaseModel):
    id: str
    status: Literal["waiting"]


class Request(RequestStanding, extra="allow"):
    """A request, with the fields of its kind, and how it stands."""

    id: str
    at: datetime
    kind: str
