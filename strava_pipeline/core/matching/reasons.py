"""The evidence about a pair in phrases for a person; without positions. Pure."""

import polars as pl

from strava_pipeline.core.matching import rules


def reasons() -> pl.Expr:
    """A list of phrases for each pair that was judged."""
    col = pl.col
    phrases = [
        pl.format("a source links them: {}", col("same_link")),
        pl.when(col("same_content")).then(pl.lit("the same file")),
        pl.format("the same number: {}", col("same_number")),
        pl.format("the same name: {}", col("same_name")),
        pl.when(col("same_day")).then(pl.lit("the same day, without a time")),
        pl.when(col("fits_alone")).then(pl.lit("the minute that was written down")),
        pl.when(~col("fits_alone")).then(pl.lit("the minute that was written down, as of others")),
        pl.when(col("both_empty")).then(pl.lit("the same second, sport and name, and 0 s and 0 m")),
        pl.when(col("one_timer")).then(pl.lit("the same time by the timer")),
        pl.when(col("shifted")).then(pl.format("clocks {} h apart", (col("start_apart") / 3600).round(2))),
        pl.when(~col("shifted")).then(pl.format("{} % of the time together", _percent("together"))),
        pl.when(~col("shifted")).then(pl.format("starts {} apart", _time("start_apart"))),
        pl.format("{} % of {} common seconds at one place", _percent("same_seconds"), col("common_seconds")),
        pl.when(col("same_beats") >= rules.SAME_SERIES.value).then(
            pl.format("{} % of the beats the same", _percent("same_beats"))
        ),
        pl.when(col("same_watts") >= rules.SAME_SERIES.value).then(
            pl.format("{} % of the watts the same", _percent("same_watts"))
        ),
        pl.format("distances {} % apart", _percent("distance_apart")),
        pl.format("places {} m apart", ((col("place_apart") / 10).round() * 10).cast(pl.Int64)),
        pl.when(col("sport_alike") < 1).then(pl.format("{} and {}", col("sport_type_a"), col("sport_type_b"))),
        pl.when(~col("one_heart")).then(pl.lit("another heart rate")),
        pl.when(~col("one_athlete")).then(pl.lit("another athlete")),
    ]
    return pl.concat_list(phrases).list.drop_nulls()


def _percent(name: str) -> pl.Expr:
    return (pl.col(name) * 100).round(1)


def _time(name: str) -> pl.Expr:
    seconds = pl.col(name).round(0).cast(pl.Int64)
    minutes = pl.format("{} min", (pl.col(name) / 60).round(0).cast(pl.Int64))
    return pl.when(pl.col(name) < 120).then(pl.format("{} s", seconds)).otherwise(minutes)
