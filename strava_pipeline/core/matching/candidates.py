"""Candidate pairs of activities: they overlap in time, share a name or a day, or differ by a shifted clock. Pure.

`ACTIVITY_COLUMNS` are the columns of the input; each pair is there once, the smaller id first.
"""

import polars as pl

from strava_pipeline.core.matching.by_hand import as_far, as_long, written_pairs
from strava_pipeline.core.matching.rules import (
    CLOCK_SPREAD,
    CLOCK_STEP,
    COMMON_NAME,
    CROWD,
    LONGEST,
    MOST_SHIFT,
    WRITTEN_MINUTE,
    Rule,
)
from strava_pipeline.core.matching.sports import sport_alike
from strava_pipeline.core.sources import FILE

ACTIVITY_COLUMNS: dict[str, pl.DataType] = {
    "id": pl.Int64(),
    "athlete_id": pl.Int64(),
    "source": pl.String(),
    "title": pl.String(),  # only for activities without a length and a distance
    "sport_type": pl.String(),
    "trainer": pl.Boolean(),  # on a trainer or treadmill
    "start": pl.Float64(),  # s since 1970, UTC
    "day": pl.Date(),  # on the athlete's clock; known without a start where a person wrote the day alone
    "local_start": pl.Float64(),  # s since 1970 on that clock
    "elapsed": pl.Float64(),  # s
    "moving": pl.Float64(),  # s, by the device's timer
    "distance": pl.Float64(),  # m
    "start_lat": pl.Float64(),  # °
    "start_lng": pl.Float64(),
    "end_lat": pl.Float64(),
    "end_lng": pl.Float64(),
    "heartrate": pl.Float64(),  # bpm
    "max_heartrate": pl.Float64(),
    "quantities": pl.Int32(),  # of positions, heart rate, power and cadence: how many its source has
    "upload_id": pl.Int64(),
    "external_id": pl.String(),
    "file_names": pl.List(pl.String()),  # for a file without a row, every name that it ever had
    "contents": pl.List(pl.String()),  # hashes of its files' unpacked contents
    "format": pl.String(),  # of its file
    "source_id": pl.String(),  # its source's own id
    "links": pl.List(pl.String()),  # what its source says that it is called elsewhere, as source:id
    "deleted": pl.Boolean(),  # gone from its source
    "by_hand": pl.Boolean(),  # a person wrote it down
    "has_time": pl.Boolean(),  # false: its clock tells the day alone, as a sheet's noon
    "listed_by": pl.String(),  # of a file: the service whose own export has it in its list
    "not_counted": pl.Boolean(),  # its source says that no total includes it, such as a leg of another one
}
_BUCKET = 6 * 3600.0  # s
_NUMBER = r"\d{7,}"  # in a name: somebody's id, unless it is a date
_DATE = r"^(19|20)\d\d(0[1-9]|1[0-2])([0-2]\d|3[01])(\d{4}|\d{6})?$"
_PUSHED = r"^(?<sender>[a-z][a-z0-9_]*)_push_(?<key>[0-9]+)$"  # Strava's name for another service's upload
_KEYS = ["id_a", "id_b"]


def numbering_source() -> pl.Expr:
    """The source that gave the activity its number: of a file the list of an export; null for files in no list."""
    return (
        pl.when(pl.col("id") > 0)
        .then(pl.lit("strava"))
        .when(pl.col("source") == FILE)
        .then(pl.format("list of {}", pl.col("listed_by")))
        .otherwise(pl.col("source"))
    )


def names() -> pl.Expr:
    """The names of a file without folder and endings, and without short names, which identify nothing."""
    called = pl.concat_list(pl.concat_list("external_id"), pl.col("file_names").fill_null([])).list.drop_nulls()
    stem = pl.element().str.to_lowercase().str.replace(r"^.*[/\\]", "").str.replace(r"(\.(fit|gpx|tcx))?(\.gz)?$", "")
    stems = called.list.eval(stem).list.unique(maintain_order=True)
    return stems.list.eval(pl.element().filter(pl.element().str.len_chars() > 3))


def numbers() -> pl.Expr:
    """The ids that a source gave the activity, and the ids in a file's name."""
    in_names = names().list.join(" ").str.extract_all(_NUMBER).fill_null([])
    in_names = in_names.list.eval(pl.element().filter(~pl.element().str.contains(_DATE)))
    own = [pl.when(pl.col("id") > 0).then(pl.col("id")), pl.col("upload_id")]
    return pl.concat_list(*[each.cast(pl.String) for each in own], in_names).list.drop_nulls().list.unique()


def links() -> pl.Expr:
    """The activity's ids at all sources that are known to have it, as source:id: its own source, and those that it names.

    A source names another one in words of its own, or by the name of an upload from that source: acme_push_123.
    """
    own = (
        pl.when(pl.col("id") > 0)
        .then(pl.format("strava:{}", pl.col("id")))
        .otherwise(pl.format("{}:{}", pl.col("source"), pl.col("source_id")))
    )
    sent = pl.col("external_id").str.extract_groups(_PUSHED)
    sender = pl.format("{}:{}", sent.struct.field("sender"), sent.struct.field("key"))
    return pl.concat_list(pl.concat_list(own, sender), pl.col("links").fill_null([])).list.drop_nulls().list.unique()


def candidate_pairs(activities: pl.DataFrame) -> pl.DataFrame:
    """The pairs: `id_a`, `id_b`, whether they have the `same_content` and the `same_day`, and the `same_link`,
    `same_number` and `same_name`.

    The last three are null if the two share none. A `same_link` is an id that both have at one source, as some source
    says. `fits_alone` is that of `written_pairs`, null for other pairs.

    Names and numbers count only between a file and an activity numbered by a source, because files in two folders may
    have one name. The sessions of one file share its content and are still several activities. Two that one source
    numbers are a pair only if their times overlap and that source counts both.
    """
    keyed = activities.select(
        "id",
        "start",
        "elapsed",
        "contents",
        numbering_source().alias("by"),
        pl.col("not_counted").fill_null(False),
        links=links(),
        numbers=numbers(),
        names=names(),
    )
    content = _sharing(keyed, "contents", CROWD, own=True).select(*_KEYS, same_content=pl.lit(True)).unique()
    linked = _sharing(keyed, "links", COMMON_NAME).group_by(_KEYS).agg(pl.col("links").min().alias("same_link"))
    numbered = _sharing(keyed, "numbers", COMMON_NAME).group_by(_KEYS).agg(pl.col("numbers").min().alias("same_number"))
    named = _sharing(keyed, "names", COMMON_NAME).group_by(_KEYS).agg(pl.col("names").min().alias("same_name"))
    plain = keyed.drop("contents", "links", "names", "numbers")
    days, timed = _on_one_day(activities), plain.filter(pl.col("start").is_finite())
    written = written_pairs(activities)
    found = [content, linked, numbered, named, days, written, _at_one_time(timed), _by_a_shifted_clock(timed)]
    return (
        pl.concat([each.select(_KEYS) for each in found])
        .unique()
        .join(content, on=_KEYS, how="left")
        .join(linked, on=_KEYS, how="left")
        .join(numbered, on=_KEYS, how="left")
        .join(named, on=_KEYS, how="left")
        .join(days, on=_KEYS, how="left")
        .join(written, on=_KEYS, how="left")
        .with_columns(pl.col("same_content", "same_day").fill_null(False))
        .sort(_KEYS)
    )


def _sharing(activities: pl.DataFrame, column: str, crowd: Rule, *, own: bool = False) -> pl.DataFrame:
    """Pairs of a file and an activity numbered by a source that share an element of a list, unless a crowd shares it."""
    each = activities.select("id", "by", "not_counted", column).explode(column).drop_nulls(column)
    each = each.filter(pl.len().over(column).is_between(2, crowd.value))
    pairs = _pairs(each.filter(_of_another_source() | pl.lit(own)), each, [column], own=own)
    return pairs.filter(pl.col("by_a").is_not_null() | pl.col("by_b").is_not_null())


def _at_one_time(activities: pl.DataFrame) -> pl.DataFrame:
    """Pairs whose times overlap. Moments at which a crowd begins are left out."""
    timed = activities.with_columns(until=pl.col("start") + pl.col("elapsed").fill_null(0).clip(0, LONGEST.value))
    bucketed = timed.with_columns(
        bucket=pl.int_ranges(
            (pl.col("start") / _BUCKET).floor().cast(pl.Int64), (pl.col("until") / _BUCKET).floor().cast(pl.Int64) + 1
        )
    ).explode("bucket")
    bucketed = bucketed.filter(pl.len().over("bucket") <= CROWD.value)
    return _pairs(bucketed, bucketed, ["bucket"], own=True).filter(
        pl.max_horizontal("start_a", "start_b") <= pl.min_horizontal("until_a", "until_b") + CLOCK_SPREAD.value
    )


def _on_one_day(activities: pl.DataFrame) -> pl.DataFrame:
    """Pairs of one day with similar distance and length, one of them without a time; with `same_day`.

    Rows without a time of each source are matched one to one to the efforts that have one, whichever other services tell of
    these, and to other sources' rows without one; of one sport and the closest first, what is gone last. Where a day has as many
    of both, equal ones are counted right whichever is which; else they stay apart.
    """
    has_time = pl.col("start").is_finite().fill_null(False) & pl.col("has_time").fill_null(True)
    begins = (pl.col("start").diff() > WRITTEN_MINUTE.value) | (pl.col("day").diff() != pl.duration(days=0))
    ridden = activities.filter(pl.col("day").is_not_null(), pl.col("distance") > 0).select(
        *("id", "day", "start", "elapsed", "distance", "sport_type", "trainer"),
        by=numbering_source(),
        gone=pl.col("deleted").fill_null(False),
        timed=has_time,
    )
    timed = (
        ridden.filter("timed")
        .sort("day", "start", "id")
        .with_columns(effort=begins.fill_null(False).cum_sum().cast(pl.Int64))
    )
    timed = timed.with_columns(
        gone=pl.col("gone").all().over("effort"), kind=pl.lit(""), told_by=pl.col("by").implode().over("effort")
    )
    untimed = ridden.filter(~pl.col("timed")).with_columns(effort="id", kind="by", told_by=pl.concat_list("by"))
    both = untimed.select(pl.all().name.suffix("_a")).join(
        pl.concat([timed, untimed.select(timed.columns)]).select(pl.all().name.suffix("_b")),
        left_on="day_a",
        right_on="day_b",
    )
    once = ~pl.col("told_by_b").list.contains(pl.col("by_a")) & (pl.col("timed_b") | (pl.col("by_a") < pl.col("by_b")))
    both = both.filter(once, as_far(), as_long().fill_null(True)).with_columns(
        unlike=~(sport_alike() > 0).fill_null(False)
    )
    return _one_to_one(both).with_columns(same_day=pl.lit(True))


def _one_to_one(both: pl.DataFrame) -> pl.DataFrame:
    """Of rows without a time (`_a`) and rows of an effort (`_b`) the pairs that are one: `id_a`, `id_b`, the smaller id first."""
    apart = ["distance", "elapsed"]
    of_two = ("day_a", "by_a", "gone_a", "kind_b", "gone_b", "unlike")
    pairs = both.group_by("id_a", "effort_b", *of_two).agg(
        *((pl.col(f"{name}_a") - pl.col(f"{name}_b")).abs().min().fill_null(0).alias(name) for name in apart),
        pl.col("id_b"),
    )
    is_even = pl.col("id_a").n_unique().over(of_two) == pl.col("effort_b").n_unique().over(of_two)
    is_tied = [pl.len().over(*of_two, one, *apart) > 1 for one in ("id_a", "effort_b")]
    taken: set[tuple[object, ...]] = set()
    kept = []
    ordered = pairs.filter(is_even | ~pl.any_horizontal(is_tied)).sort(
        "gone_a", "gone_b", "unlike", *apart, "effort_b", "id_a"
    )
    for row in ordered.iter_rows(named=True):
        ends = {(row["id_a"], row["kind_b"]), (row["kind_b"], row["effort_b"], row["by_a"])}
        if not taken & ends:
            taken |= ends
            kept += [(min(row["id_a"], one), max(row["id_a"], one)) for one in row["id_b"]]
    return pl.DataFrame(kept, dict.fromkeys(_KEYS, pl.Int64), orient="row")


def _by_a_shifted_clock(activities: pl.DataFrame) -> pl.DataFrame:
    """Pairs of the same length whose starts differ by some quarters of an hour."""
    celled = activities.filter(pl.col("elapsed") > 0).with_columns(
        day=(pl.col("start") / MOST_SHIFT.value).floor().cast(pl.Int64),
        length=(pl.col("elapsed") / (CLOCK_SPREAD.value + 1)).floor().cast(pl.Int64),
    )
    celled = celled.filter(pl.len().over("day", "length") <= CROWD.value)
    others = celled.filter(_of_another_source())
    for cell in ("day", "length"):
        others = others.with_columns(pl.concat_list([pl.col(cell) + each for each in (-1, 0, 1)]).alias(cell)).explode(
            cell
        )
    return _pairs(others, celled, ["day", "length"]).filter(is_shifted())


def is_shifted() -> pl.Expr:
    """Whether two activities differ only by a zone: the same length, and some quarters of an hour apart."""
    step, spread = CLOCK_STEP.value, CLOCK_SPREAD.value
    apart = (pl.col("start_a") - pl.col("start_b")).abs()
    rest = (apart + step / 2) % step - step / 2
    return (
        apart.is_between(step - spread, MOST_SHIFT.value)
        & (rest.abs() <= spread)
        & ((pl.col("elapsed_a") - pl.col("elapsed_b")).abs() <= spread)
    ).fill_null(False)


def _of_another_source() -> pl.Expr:
    """Whether an activity isn't from the API. Each pair has at least one such, because the API numbers all of its own."""
    return pl.col("by").is_null() | (pl.col("by") != "strava")


def _pairs(others: pl.DataFrame, each: pl.DataFrame, keys: list[str], *, own: bool = False) -> pl.DataFrame:
    """Pairs of `others` and `each` with the same keys; `own`: also two that one source numbers."""
    names = [name for name in each.columns if name not in keys]
    left, right = ({name: f"{name}_{side}" for name in names} for side in "ab")
    return _once(others.rename(left).join(each.rename(right), on=keys), own)


def _once(both: pl.DataFrame, own: bool) -> pl.DataFrame:
    """Every pair once, the smaller id first."""
    counted = pl.lit(own) & ~pl.col("not_counted_a") & ~pl.col("not_counted_b")
    others = (pl.col("by_a") != pl.col("by_b")).fill_null(True)
    both = both.filter(pl.col("id_a") != pl.col("id_b"), others | counted)
    swapped = pl.col("id_a") > pl.col("id_b")
    names = [name.removesuffix("_a") for name in both.columns if name.endswith("_a")]
    ordered = [
        pl.when(swapped).then(pl.col(f"{name}_{other}")).otherwise(pl.col(f"{name}_{one}")).alias(f"{name}_{one}")
        for name in names
        for one, other in ("ab", "ba")
    ]
    return both.with_columns(ordered).unique(maintain_order=False)
