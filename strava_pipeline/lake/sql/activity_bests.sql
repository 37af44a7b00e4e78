-- Write `activity_bests` again. The best of each activity: how long and how high it was, and its fastest time over standard distances. A time is Strava's best effort;
-- or comes out of the track; or else out of consecutive splits of a kilometre: these begin where the activity does, and where one is
-- some metres short its time is drawn out to a whole kilometre, so that they may be a little slower than the truth, but no faster.
-- A best effort is as the track's window of about that time was measured; where that is the device alone, a slower one of the track is
-- there, too.
DELETE FROM activity_bests;

INSERT INTO activity_bests BY NAME
WITH counted AS MATERIALIZED ( -- to plan this view takes DuckDB 7 ms, each time that it stands in a query
    SELECT * FROM counted_activities
),
split_sums AS (
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
    SELECT activity_id, record, ceil(seconds - 1e-6) AS seconds
    FROM (
        UNPIVOT (SELECT activity_id, {shortest} FROM stretches GROUP BY activity_id)
        ON COLUMNS(* EXCLUDE (activity_id)) INTO NAME record VALUE seconds
    )
    WHERE seconds < 1e9
),
of_track AS (
    SELECT held.activity_id, lengths.record, held.value AS seconds, held.measured_by
    FROM track_bests AS held
    JOIN standard_distances AS lengths ON held.width = lengths.distance_m
    WHERE held.measure = 'pace'
),
-- of each activity and distance there is one of each, at most
trusted AS (
    SELECT * FROM of_track WHERE measured_by <> 'device'
),
by_device AS (
    SELECT * FROM of_track WHERE measured_by = 'device'
),
of_strava AS (
    SELECT held.activity_id, lengths.record, min(held.elapsed_time)::DOUBLE AS seconds
    FROM activity_best_efforts AS held
    JOIN standard_distances AS lengths ON abs(held.distance - lengths.distance_m) <= 1
    WHERE held.elapsed_time > 0
    GROUP BY held.activity_id, lengths.record
),
efforts AS (
    SELECT
        activity_id,
        record,
        of_strava.seconds,
        CASE
            WHEN by_device.seconds IS NULL OR of_strava.seconds >= (trusted.seconds + by_device.seconds) / 2 THEN trusted.measured_by
            ELSE 'device'
        END AS measured_by
    FROM of_strava
    LEFT JOIN trusted USING (activity_id, record)
    LEFT JOIN by_device USING (activity_id, record)
),
trusted_efforts AS (
    SELECT activity_id, record FROM efforts WHERE measured_by IS DISTINCT FROM 'device'
),
bests AS MATERIALIZED ( -- else DuckDB 1.5.5 waits for ever where a reader takes all rows of 150,000 activities with one thread
    SELECT activity_id, 'longest_distance' AS record, distance_m AS value, 'm' AS unit, 'activity' AS told_by, NULL AS measured_by
    FROM counted
    WHERE distance_m > 0
    UNION ALL
    SELECT
        activity_id,
        'longest_moving_time',
        moving_time_seconds,
        's',
        CASE WHEN list_contains(computed, 'moving_time_seconds') THEN 'computed' ELSE 'activity' END,
        NULL
    FROM counted
    WHERE moving_time_seconds > 0
    UNION ALL
    SELECT
        activity_id,
        'biggest_climb',
        elevation_gain_m,
        'm',
        CASE WHEN list_contains(computed, 'elevation_gain_m') THEN 'computed' ELSE 'activity' END,
        NULL
    FROM counted
    WHERE elevation_gain_m > 0
    UNION ALL
    SELECT activity_id, record, seconds, 's', 'best_effort', measured_by FROM efforts
    UNION ALL
    SELECT activity_id, record, seconds, 's', 'track', measured_by FROM trusted ANTI JOIN trusted_efforts USING (activity_id, record)
    UNION ALL
    SELECT activity_id, record, seconds, 's', 'track', 'device' FROM by_device ANTI JOIN efforts USING (activity_id, record)
    UNION ALL
    SELECT activity_id, record, seconds, 's', 'splits', NULL
    FROM of_splits ANTI JOIN efforts USING (activity_id, record) ANTI JOIN of_track USING (activity_id, record)
)
SELECT
    activity_id,
    counted.athlete_id,
    counted.sport_group,
    counted.local_year,
    counted.on_day,
    bests.record,
    bests.value::DOUBLE AS value,
    bests.unit,
    bests.told_by,
    bests.measured_by,
    dismissed.activity_id IS NOT NULL AS is_dismissed,
    NOT is_dismissed AND bests.measured_by IS DISTINCT FROM 'device' AND counted.on_day IS NOT NULL AS counts
FROM bests
JOIN counted USING (activity_id)
LEFT JOIN dismissed_bests AS dismissed USING (activity_id)
