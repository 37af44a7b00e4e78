-- Write `activity_bests` again. The best of each activity: how long and how high it was, and its fastest time over the distances of its
-- group. A time is Strava's best effort; or comes out of the track; or else out of consecutive splits of a kilometre: these begin where
-- the activity does, and where one is some metres short its time is drawn out to a whole kilometre, so that they may be a little slower
-- than the truth, but no faster. A best effort is as the track's window of about that time was measured; where that is the device
-- alone, a slower one of the track is there, too. Where nobody ever was as fast there is no time (`human_bests`), and of an activity
-- that went by a vehicle (`too_fast_activities`) nothing but what the track has without those stretches, if they are the lesser half. Over a
-- distance with no time, or a longer one than a greater distance tells (its time, or its equal part of it), that one is `at_most`.
DELETE FROM activity_bests;

INSERT INTO activity_bests BY NAME
WITH counted AS MATERIALIZED (
    SELECT * FROM counted_activities
),
too_fast AS MATERIALIZED (
    SELECT activity_id, holds_none FROM too_fast_activities
),
carried AS MATERIALIZED ( -- an effort or a split may hold a part of a short stretch, too
    SELECT activity_id FROM too_fast
    UNION
    SELECT activity_id FROM track_bests WHERE measure = 'too_fast'
    UNION
    SELECT activity_id FROM own_values WHERE cuts IS NOT NULL
),
lengths AS MATERIALIZED ( -- those of each group, with the least time that anybody may have taken
    SELECT
        own.sport_group,
        own.record,
        own.distance_m,
        coalesce(human.least_seconds * own.distance_m / human.distance_m, 0) AS least_seconds
    FROM (SELECT unnest(sport_groups) AS sport_group, record, distance_m FROM standard_distances) AS own
    ASOF LEFT JOIN human_bests AS human ON human.sport_group = own.sport_group AND own.distance_m >= human.distance_m
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
    FROM activity_splits_metric ANTI JOIN carried USING (activity_id)
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
    SELECT held.activity_id, standard.record, held.value AS seconds, held.measured_by
    FROM track_bests AS held
    JOIN standard_distances AS standard ON held.width = standard.distance_m
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
    SELECT held.activity_id, standard.record, min(held.elapsed_time)::DOUBLE AS seconds
    FROM activity_best_efforts AS held
    JOIN standard_distances AS standard ON abs(held.distance - standard.distance_m) <= 1
    WHERE held.elapsed_time > 0 AND held.activity_id NOT IN (SELECT activity_id FROM carried)
    GROUP BY held.activity_id, standard.record
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
timed AS (
    SELECT activity_id, record, seconds, 'best_effort' AS told_by, measured_by FROM efforts
    UNION ALL
    SELECT activity_id, record, seconds, 'track', measured_by FROM trusted ANTI JOIN trusted_efforts USING (activity_id, record)
    UNION ALL
    SELECT activity_id, record, seconds, 'track', 'device' FROM by_device ANTI JOIN efforts USING (activity_id, record)
    UNION ALL
    SELECT activity_id, record, seconds, 'splits', NULL
    FROM of_splits ANTI JOIN efforts USING (activity_id, record) ANTI JOIN of_track USING (activity_id, record)
),
believed AS (
    SELECT
        timed.activity_id,
        counted.sport_group,
        timed.measured_by IS NOT DISTINCT FROM 'device' AS is_device,
        lengths.distance_m,
        struct_pack(seconds := timed.seconds, distance_m := lengths.distance_m, told_by := told_by, measured_by := coalesce(measured_by, '')) AS it
    FROM timed
    JOIN counted USING (activity_id)
    JOIN lengths USING (sport_group, record)
    WHERE (timed.seconds >= lengths.least_seconds OR told_by = 'track') -- which knows what was downhill
      -- a track may be longer than what counts, which lists show to 0.1 km
      AND (told_by <> 'track' OR lengths.distance_m - least(50, lengths.distance_m / 100) <= coalesce(nullif(counted.distance_m, 0), 1e9))
      AND timed.activity_id NOT IN (SELECT activity_id FROM too_fast WHERE holds_none)
),
-- over each distance the least of the times over it and over all greater ones; where such a one holds it n times, an n-th of that time,
-- in whole seconds after one that was rounded
fastest AS (
    SELECT
        activity_id,
        record,
        distance_m,
        is_device,
        min(CASE WHEN times < 2 THEN it ELSE struct_update(it, seconds := ceil((it.seconds + 1) / times)) END) AS it
    FROM (
        SELECT activity_id, lengths.record, lengths.distance_m, is_device, it, floor(believed.distance_m / lengths.distance_m + 0.01) AS times
        FROM believed
        JOIN lengths ON lengths.sport_group = believed.sport_group AND lengths.distance_m <= believed.distance_m
    )
    GROUP BY ALL
),
bests AS MATERIALIZED ( -- else DuckDB 1.5.5 waits for ever where a reader takes all rows of 150,000 activities with one thread
    SELECT
        activity_id,
        record,
        value::DOUBLE AS value,
        CASE record WHEN 'longest_moving_time' THEN 's' ELSE 'm' END AS unit,
        CASE WHEN list_contains(computed, summed) THEN 'computed' ELSE 'activity' END AS told_by,
        NULL AS measured_by,
        false AS at_most
    FROM (
        SELECT activity_id, computed, 'longest_distance' AS record, distance_m AS value, 'distance_m' AS summed FROM counted
        UNION ALL
        SELECT activity_id, computed, 'longest_moving_time', moving_time_seconds, 'moving_time_seconds' FROM counted
        UNION ALL
        SELECT activity_id, computed, 'biggest_climb', elevation_gain_m, 'elevation_gain_m' FROM counted
    )
    ANTI JOIN too_fast USING (activity_id)
    WHERE value > 0
    UNION ALL
    SELECT
        fastest.activity_id,
        fastest.record,
        fastest.it.seconds,
        's',
        fastest.it.told_by,
        nullif(fastest.it.measured_by, ''),
        fastest.it.distance_m > fastest.distance_m
    FROM fastest
    LEFT JOIN fastest AS other
        ON fastest.is_device AND NOT other.is_device AND other.activity_id = fastest.activity_id AND other.record = fastest.record
    WHERE other.activity_id IS NULL OR fastest.it.seconds < other.it.seconds
)
SELECT
    activity_id,
    counted.athlete_id,
    counted.sport_group,
    counted.local_year,
    counted.on_day,
    bests.record,
    bests.value,
    bests.unit,
    bests.told_by,
    CASE WHEN counted.is_virtual THEN 'virtual' ELSE bests.measured_by END AS measured_by,
    bests.at_most,
    dismissed.activity_id IS NOT NULL AS is_dismissed,
    NOT (is_dismissed OR counted.is_virtual) AND bests.measured_by IS DISTINCT FROM 'device' AND counted.on_day IS NOT NULL AS counts
FROM bests
JOIN counted USING (activity_id)
LEFT JOIN dismissed_bests AS dismissed USING (activity_id)
WHERE (counted.sport_group, bests.record) NOT IN ({none})
