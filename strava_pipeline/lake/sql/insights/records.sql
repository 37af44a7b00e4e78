-- The best of each local year and group: longest, highest, and fastest over standard distances. Those are out of Strava's best
-- efforts, which runs have, or else of consecutive splits of a kilometre; these begin where the activity does, and where one is some
-- metres short its time is drawn out to a whole kilometre, so that they may be a little slower than the truth, but no faster. Of equal
-- ones the earliest is it.
WITH split_sums AS (
    -- what is no kilometre (the rest at the end, a lost signal) spoils every stretch that it is in
    SELECT
        activity_id,
        split_index AS place,
        sum(
            CASE
                WHEN distance_m BETWEEN 980 AND 1020 AND elapsed_time_seconds > 0
                    THEN elapsed_time_seconds * greatest(1000 / distance_m, 1)
                ELSE 1e9
            END
        ) OVER (PARTITION BY activity_id ORDER BY split_index) AS so_far
    FROM activity_splits_metric
),
stretches AS (
    SELECT
        activity_id,
{stretches}
    FROM split_sums
    WINDOW in_order AS (PARTITION BY activity_id ORDER BY place)
),
of_splits AS (
    SELECT activity_id, record, seconds
    FROM (
        UNPIVOT (SELECT activity_id, {shortest} FROM stretches GROUP BY activity_id)
        ON COLUMNS(* EXCLUDE (activity_id)) INTO NAME record VALUE seconds
    )
    WHERE seconds < 1e9
),
efforts AS (
    SELECT held.activity_id, standard_distances.record, min(held.elapsed_time) AS seconds
    FROM activity_best_efforts AS held
    JOIN standard_distances ON abs(held.distance - standard_distances.distance_m) <= 1
    WHERE held.elapsed_time > 0
    GROUP BY held.activity_id, standard_distances.record
),
candidates AS (
    SELECT activity_id, 'longest_distance' AS record, distance_m AS value, 'm' AS unit, 'activity' AS told_by
    FROM counted_activities
    WHERE distance_m > 0
    UNION ALL
    SELECT
        activity_id,
        'longest_moving_time',
        moving_time_seconds,
        's',
        CASE WHEN list_contains(computed, 'moving_time_seconds') THEN 'computed' ELSE 'activity' END
    FROM counted_activities
    WHERE moving_time_seconds > 0
    UNION ALL
    SELECT
        activity_id,
        'biggest_climb',
        elevation_gain_m,
        'm',
        CASE WHEN list_contains(computed, 'elevation_gain_m') THEN 'computed' ELSE 'activity' END
    FROM counted_activities
    WHERE elevation_gain_m > 0
    UNION ALL
    SELECT activity_id, record, seconds, 's', 'best_effort' FROM efforts
    UNION ALL
    SELECT activity_id, record, ceil(seconds - 1e-6), 's', 'splits' FROM of_splits ANTI JOIN efforts USING (activity_id, record)
),
best AS (
    -- the least of these in this order: what is fastest, or longest, then what was first
    SELECT
        counted.athlete_id,
        counted.sport_group,
        counted.local_year,
        record,
        unit,
        min({{
            'rank': CASE WHEN starts_with(record, 'fastest') THEN value ELSE -value END,
            'on_day': counted.on_day,
            'activity_id': activity_id,
            'told_by': told_by
        }}) AS it
    FROM candidates
    JOIN counted_activities AS counted USING (activity_id)
    WHERE counted.on_day IS NOT NULL
    GROUP BY ALL
)
SELECT
    athlete_id,
    sport_group,
    local_year,
    record,
    abs(it.rank)::DOUBLE AS value,
    unit,
    it.activity_id AS activity_id,
    it.on_day AS on_day,
    it.told_by AS told_by,
    row_number() OVER (PARTITION BY athlete_id, sport_group, record ORDER BY it) = 1 AS all_time
FROM best
