"""Where an export archive and gold agree and differ: activity by activity, field by field, and file by file. Pure.

An empty cell claims nothing, since layouts and languages lack columns; a value that gold lacks differs. Two numbers
agree if one may be the other, rounded or cut. Not compared are the relative effort, which Strava recalculates, and
fields that follow from others (mean speed). Files are compared by content, whatever their names, and only if gold has
files of an archive, because the API offers none. A file that a row names and the archive lacks is always a difference.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum, auto
from typing import Any

from strava_pipeline.core.files.archive_csv import ArchiveGear, ArchiveRow
from strava_pipeline.core.files.export_columns import SPORTS_IN_METRES, normalised, sport_types_by_name
from strava_pipeline.core.files.objects import row_content, row_id
from strava_pipeline.core.sources import STRAVA_ARCHIVE, hashed_id

# The coarser of both. Of real lists, those of 2024 have the float behind a number, those of 2026 so many decimals as the API's
# answers; but heart rates, cadence and watts are whole in the newest, and top speeds of 2017 have one decimal.
STEPS = {
    "distance": Decimal("0.1"),
    "moving_time": Decimal(1),
    "elapsed_time": Decimal(1),
    "total_elevation_gain": Decimal("0.1"),
    "elev_high": Decimal("0.1"),
    "elev_low": Decimal("0.1"),
    "max_speed": Decimal("0.1"),
    "average_heartrate": Decimal(1),
    "max_heartrate": Decimal(1),
    "average_cadence": Decimal(1),
    "average_watts": Decimal(1),
    "weighted_average_watts": Decimal(1),
    "max_watts": Decimal(1),
    "average_temp": Decimal(1),
    "perceived_exertion": Decimal("0.1"),
    "calories": Decimal(1),
}
_SHOWN_KM, _SHOWN_M = Decimal(10), Decimal(1)  # of 55 real rows 21 show kilometres cut to two decimals, 3 rounded
COMPARED = ("start_date", "name", "sport_type", "description", "private_note", "gear_id", "commute", *STEPS)


@dataclass(frozen=True, slots=True)
class GoldActivity:
    """An activity of gold. `values`: its value of each field of COMPARED; `gear_names`: the names of its gear."""

    activity_id: int
    athlete_id: int | None
    deleted_at: datetime | None
    values: Mapping[str, Any] = field(repr=False)
    gear_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NamedActivity:
    """An activity for a report, with its start (UTC) and name in the archive or in gold."""

    id: int
    start_date: datetime | None
    name: str | None


@dataclass(frozen=True, slots=True)
class DeletedActivity(NamedActivity):
    """An activity of the archive that is deleted in gold. `archive_is_newer`: than the deletion, so gold is wrong."""

    deleted_at: datetime
    archive_is_newer: bool


@dataclass(frozen=True, slots=True)
class DifferingActivity(NamedActivity):
    """An activity of both. `fields`: the values of archive and gold of each field that differs."""

    fields: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Agreement:
    """The result of a comparison. `rows` = `in_both` + `only_in_archive` + `deleted_in_gold`; lists are in the order of starts.

    `stood_for`: activities in both that gold shows under another activity, whose fields it has; they are not compared.
    `other_athletes`: the athletes of gold, if it has none of the archive's athlete.
    """

    rows: int
    newest_start: datetime | None
    in_both: int
    stood_for: int
    only_in_archive: tuple[NamedActivity, ...]
    only_in_gold: tuple[NamedActivity, ...]
    deleted_in_gold: tuple[DeletedActivity, ...]
    differing: tuple[DifferingActivity, ...]
    other_athletes: tuple[int, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether nothing is missing and nothing differs. A deletion later than the archive is not a difference."""
        wrong = (self.only_in_archive, self.only_in_gold, self.differing, self.other_athletes)
        return not any(wrong) and not any(each.archive_is_newer for each in self.deleted_in_gold)

    @property
    def fields(self) -> dict[str, int]:
        """How many activities differ in each field, most first."""
        return dict(Counter(name for each in self.differing for name in each.fields).most_common())


def compare_activities(
    rows: Iterable[ArchiveRow], held: Mapping[int, GoldActivity], stand_ins: Mapping[int, int], athlete_id: int | None
) -> Agreement:
    """Compare the rows of `athlete_id`'s archive with gold, by id; of two rows with the same id the first counts.

    `stand_ins`: by id, the activity that gold shows in its place.
    """
    listed: dict[int, ArchiveRow] = {}
    for row in rows:  # a loop, since rows are objects with fields of their own
        listed.setdefault(row_id(row), row)
    newest = max((row.started_at for row in listed.values() if row.started_at), default=None)
    missing, deleted, differing, met = [], [], [], set(listed)
    in_both = stood_for = 0
    for key, row in listed.items():
        named = (key, row.started_at, row.name)
        found = _held(key, held, stand_ins)
        if found is None:
            missing.append(NamedActivity(*named))
            continue
        met |= {found.activity_id, stand_ins.get(key, key)}
        if found.deleted_at is not None:
            deleted.append(DeletedActivity(*named, found.deleted_at, newest is not None and found.deleted_at < newest))
            continue
        in_both += 1
        if found.activity_id != key:
            stood_for += 1
        elif fields := differences(row, found):
            both = {name: {"archive": archived, "gold": gold} for name, (archived, gold) in fields.items()}
            differing.append(DifferingActivity(*named, both))
    athletes = {one.athlete_id for one in held.values()} - {None}
    return Agreement(
        rows=len(listed),
        newest_start=newest,
        in_both=in_both,
        stood_for=stood_for,
        only_in_archive=tuple(sorted(missing, key=_order)),
        only_in_gold=tuple(sorted(_only_held(held.values(), met, newest, athlete_id), key=_order)),
        deleted_in_gold=tuple(sorted(deleted, key=_order)),
        differing=tuple(sorted(differing, key=_order)),
        other_athletes=tuple(sorted(each for each in athletes if each is not None))
        if athlete_id is not None and athlete_id not in athletes
        else (),
    )


def gold_id(row: ArchiveRow, held: Mapping[int, GoldActivity], athlete_id: int | None) -> int:
    """The id that a row of `athlete_id`'s archive has in gold, or would have.

    A row without a readable id has a hash, which includes the athlete unless that is the folder's own.
    """
    usual = row_id(row)
    if row.activity_id or athlete_id is None:
        return usual
    of_athlete = hashed_id(STRAVA_ARCHIVE, row_content(row), athlete_id)
    is_of_another = usual in held and held[usual].athlete_id not in (None, athlete_id)
    return of_athlete if is_of_another or of_athlete in held else usual


def differences(row: ArchiveRow, held: GoldActivity) -> dict[str, tuple[Any, Any]]:
    """The fields in which a row and gold differ, with both values."""
    claims = {name: row.summary.get(name) for name in COMPARED}
    claims |= {"start_date": row.started_at, "sport_type": _sport(row)}
    found = {
        name: (claim, held.values[name])
        for name, claim in claims.items()
        if claim is not None and not _same(claim, held.values[name], _step(row, name))
    }
    found |= {
        f"{name}_shown": (claim, held.values[name])
        for name, claim in row.shown.items()
        if name in COMPARED
        and name not in found
        and name not in row.from_display
        and not _same(claim, held.values[name], _shown_step(row, name))
    }
    if "gear_id" not in found and _other_gear(row, held):
        found["gear_name"] = (row.gear_name, next(iter(held.gear_names), None))
    return found


def _other_gear(row: ArchiveRow, held: GoldActivity) -> bool:
    """Whether the row names other gear. Gear without a known name can't be compared."""
    if row.gear_name is None or (held.values["gear_id"] is not None and not held.gear_names):
        return False
    return not any(row.gear_name == name.strip() for name in held.gear_names)


def _held(key: int, held: Mapping[int, GoldActivity], stand_ins: Mapping[int, int]) -> GoldActivity | None:
    """The activity itself, or if it is missing or deleted, the activity that stands for it."""
    own, other = held.get(key), held.get(stand_ins.get(key, key))
    if own is None or (own.deleted_at is not None and other is not None and other.deleted_at is None):
        return other
    return own


def _only_held(
    held: Iterable[GoldActivity], met: set[int], newest: datetime | None, athlete_id: int | None
) -> Iterable[NamedActivity]:
    """Strava's activities in gold that the archive lacks, not deleted, up to the archive's newest start."""
    for one in held:
        start = one.values["start_date"]
        if (
            one.activity_id > 0
            and one.activity_id not in met
            and one.deleted_at is None
            and (athlete_id is None or one.athlete_id in (None, athlete_id))
            and None not in (start, newest)
            and start <= newest
        ):
            yield NamedActivity(one.activity_id, start, one.values["name"])


def _same(claim: Any, held: Any, step: Decimal | None) -> bool:
    """Whether two values agree; `step`: the tolerance of numbers, None for other values."""
    if step is not None:
        return not claim if held is None else abs(Decimal(repr(claim)) - Decimal(repr(held))) < step
    if isinstance(claim, str):
        return not claim.strip() if held is None else _lines(claim) == _lines(held)
    return not claim if held is None else bool(claim == held)


def _lines(text: str) -> str:
    """A text with one kind of line ends and none at its edges, since other programs change those of a CSV."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip("\n")


def _step(row: ArchiveRow, name: str) -> Decimal | None:
    return _shown_step(row, name) if name in row.from_display else STEPS.get(name)


def _shown_step(row: ArchiveRow, name: str) -> Decimal | None:
    """The rounding step of a field in the display block."""
    if name != "distance":
        return STEPS.get(name)
    return _SHOWN_M if row.sport_type in SPORTS_IN_METRES else _SHOWN_KM


def _sport(row: ArchiveRow) -> str | None:
    """The sport by Strava's name, or None if no table has the archive's word; then it can't be compared."""
    return row.sport_type if normalised(row.sport_shown or "") in sport_types_by_name() else None


def _order(activity: NamedActivity) -> tuple[datetime, int]:
    return activity.start_date or datetime.max.replace(tzinfo=UTC), activity.id


class FileProblem(StrEnum):
    """How a file differs; docs/formats.md says more."""

    NOT_IN_ARCHIVE = auto()
    SHARED = auto()
    PICTURE_MISSING = auto()
    UNREADABLE = auto()
    OTHER_CONTENT = auto()
    NOT_IN_WAREHOUSE = auto()
    OTHER_ACTIVITY = auto()


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """A file of an archive, an activity's or a picture. `sha256`: of its bytes, None where they can't be read.

    `content`: the hash of its unpacked bytes. `activity_id`: the activity whose row names the file.
    """

    name: str
    sha256: str | None
    content: str | None = None
    activity_id: int | None = None


@dataclass(frozen=True, slots=True)
class GoldFiles:
    """The files of gold. `contents`: the hash of the unpacked bytes by that of the bytes; `names`: the last parts of all names.

    `of_activity`: the hash of the file that each activity's row names. `gear`: names and nicknames with brand and model.
    `of_archives`: whether any file came with an archive.
    """

    contents: Mapping[str, str | None] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    of_activity: Mapping[int, str] = field(default_factory=dict)
    gear: Sequence[tuple[tuple[str, ...], str | None, str | None]] = ()
    of_archives: bool = False


@dataclass(frozen=True, slots=True)
class FileDifference:
    """A file, by its name in the archive, and its problem."""

    name: str
    problem: FileProblem


def compare_files(found: Iterable[ArchiveFile], held: GoldFiles) -> list[FileDifference]:
    """The files whose content gold lacks or has for another activity; without `of_archives` only unreadable ones."""
    contents = {content for content in held.contents.values() if content is not None}
    differing = []
    for file in found:
        if (problem := _problem(file, held, contents)) is not None:
            differing.append(FileDifference(file.name, problem))
    return differing


def compare_gear(listed: Iterable[ArchiveGear], held: GoldFiles) -> dict[str, tuple[str, str | None]]:
    """The pieces of gear that differ, by name, as archive and gold describe them (name, brand, model; None: gold lacks it)."""
    if not held.of_archives:
        return {}
    differing = {}
    for piece in listed:
        called = [each for each in held.gear if piece.name in map(str.strip, each[0])]
        if not any(piece.brand in (None, brand) and piece.model in (None, model) for _, brand, model in called):
            claim = _words(piece.name, piece.brand, piece.model)
            differing[piece.name] = claim, _words(piece.name, *called[0][1:]) if called else None
    return differing


def _problem(file: ArchiveFile, held: GoldFiles, contents: set[str]) -> FileProblem | None:
    if file.sha256 is None:
        return FileProblem.UNREADABLE
    if not held.of_archives:
        return None
    if file.sha256 not in held.contents and file.content not in contents:
        last = file.name.rpartition("/")[2]
        named = {last, last.removesuffix(".gz"), f"{last}.gz"} & held.names
        return FileProblem.OTHER_CONTENT if named else FileProblem.NOT_IN_WAREHOUSE
    own = held.of_activity.get(file.activity_id) if file.activity_id is not None else None
    if own is None or own == file.sha256 or (file.content is not None and held.contents.get(own) == file.content):
        return None
    return FileProblem.OTHER_ACTIVITY


def _words(*parts: str | None) -> str:
    return ", ".join(part for part in parts if part)
