"""Two recordings of one effort and how they agree: Parquet by year, the table of the warehouse, and sums by month."""

from strava_pipeline.core.tables.model import Column, Kind, Table, activity_rows


def _sides(name: str, kind: Kind, meaning: str, unit: str | None = None) -> tuple[Column, Column]:
    """The same of both recordings."""
    one, other = (Column(f"{side}_{name}", kind, f"the {side} one’s: {meaning}", unit) for side in ("first", "second"))
    return one, other


_UNIT = "the quantity's"
_PAIR = (
    Column("activity_id", Kind.BIGINT, "the activity", key=True),
    Column("athlete_id", Kind.BIGINT, "the athlete"),
    Column("on_day", Kind.DATE, "local day of its start"),
    Column("first_id", Kind.BIGINT, "the id, of those in `activity_members`, whose recording stands first", key=True),
    Column("second_id", Kind.BIGINT, "the id of the other recording", key=True),
    Column(
        "quantity",
        Kind.TEXT,
        "heartrate, watts, cadence, speed, altitude or temperature, compared second by second; distance (by the device) or way "
        "(along the positions), over the time that both lasted",
        key=True,
    ),
    *_sides("points", Kind.TEXT, "the hashes and sessions of its files; NULL: streams"),
    *_sides("device", Kind.TEXT, "device or program, as its file names it"),
    *_sides("by", Kind.TEXT, "what measured: a sensor of its own by its model, the wrist, or else the device"),
    Column("overlap_seconds", Kind.BIGINT, "how long both lasted", "s"),
    Column("shift_seconds", Kind.BIGINT, "by how much the second clock was ahead, which was removed", "s"),
    Column("shift_by", Kind.TEXT, "what told that: positions, clocks (nothing: they count), or a quantity's course"),
    Column(
        "seconds",
        Kind.BIGINT,
        "seconds that both have the quantity in; 0: a heart rate that both have hardly together, so that nothing is compared",
        "s",
    ),
    Column("difference", Kind.DOUBLE, "median of the second minus the first", _UNIT),
    Column("mean_difference", Kind.DOUBLE, "mean of the same", _UNIT),
    Column("spread", Kind.DOUBLE, "its standard deviation; limits of agreement: mean ± 1.96 of it", _UNIT),
    *_sides("mean", Kind.DOUBLE, "mean over those seconds; of distance and way the sum", _UNIT),
    Column(
        "scale",
        Kind.DOUBLE,
        "the second one's rise where the first one rises by 1; NULL: they hardly spread, or scatter",
    ),
    *_sides("dropouts", Kind.DOUBLE, "share of its seconds without the quantity"),
    *_sides("frozen", Kind.DOUBLE, "share in which it stood still for 30 s and more while the other moved"),
    *_sides("zeros", Kind.DOUBLE, "share in which it was 0 and the other was not"),
    *_sides(
        "locked", Kind.BIGINT, "time in which its heart rate was the number of steps, and the other's was not", "s"
    ),
)
PAIR_AGREEMENTS = activity_rows(
    "pair_agreements",
    "How each two different recordings of an activity agree, by quantity; copies of one recording, and values of one sensor in "
    "both, are left out. In the warehouse: `recording_pairs`.",
    _PAIR,
)
RECORDING_PAIRS = activity_rows(
    "recording_pairs",
    "How each two different recordings of an activity agree, by quantity: the rows of `pair_agreements`.",
    (*_PAIR, Column("year", Kind.INTEGER, "the year whose file of `pair_agreements` has it")),
)
DEVICE_AGREEMENT = Table(
    "device_agreement",
    "How two devices agreed in a local month, by quantity and group of sports. It does not say which of them is wrong.",
    (
        Column("athlete_id", Kind.BIGINT, "the athlete; 0: nobody has said who", key=True),
        Column("first_by", Kind.TEXT, "what measured: the first in the alphabet", key=True),
        Column("second_by", Kind.TEXT, "what else measured", key=True),
        Column("quantity", Kind.TEXT, "as in `recording_pairs`", key=True),
        Column("sport_group", Kind.TEXT, "group of sports: the view sport_groups", key=True),
        Column("month", Kind.DATE, "first day of the local month", key=True),
        Column("efforts", Kind.BIGINT, "activities that both recorded"),
        Column("seconds", Kind.BIGINT, "compared in all", "s"),
        Column("difference", Kind.DOUBLE, "median of the efforts' differences, the second minus the first", _UNIT),
        Column(
            "low_limit",
            Kind.DOUBLE,
            "lower limit of agreement within an effort: mean − 1.96 standard deviations",
            _UNIT,
        ),
        Column("high_limit", Kind.DOUBLE, "the upper one", _UNIT),
        Column("scale", Kind.DOUBLE, "median of the scales"),
        *_sides("dropouts", Kind.DOUBLE, "mean share of seconds without the quantity"),
    ),
)
