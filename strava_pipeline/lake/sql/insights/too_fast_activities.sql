-- Activities in which nobody moved by themselves all the way: flagged at Strava; stretches of the track, of more than a twentieth of its
-- length, that nobody ever was as fast in (where they are the lesser half, the rest may hold records over a distance); or their whole
-- distance in less time than anybody took (of rides from 5 km on), but in another world, or down a hill, which the track knows.
WITH stretches AS (
    SELECT
        activity_id,
        max(width) FILTER (measure = 'too_fast') AS too_fast_m,
        max(width) FILTER (measure = 'pace') AS believed_m
    FROM track_bests
    WHERE measure IN ('too_fast', 'pace')
    GROUP BY activity_id
)
SELECT
    activity_id,
    is_flagged,
    too_fast_m,
    is_flagged OR is_whole OR too_fast_m > 0.5 * distance_m OR coalesce(distance_m, 0) = 0 AS holds_none
FROM (
    SELECT
        counted.activity_id,
        coalesce(activities.flagged, false) AS is_flagged,
        stretches.too_fast_m,
        counted.distance_m,
        coalesce(
            NOT counted.is_virtual
            AND NOT (counted.sport_group = 'ride' AND coalesce(stretches.believed_m, 0) >= 0.5 * counted.distance_m)
            AND coalesce(nullif(counted.elapsed_time_seconds, 0), counted.moving_time_seconds)
                < human.least_seconds * counted.distance_m / human.distance_m,
            false
        ) AS is_whole
    FROM counted_activities AS counted
    JOIN activities ON activities.id = counted.activity_id
    LEFT JOIN stretches USING (activity_id)
    ASOF LEFT JOIN human_bests AS human
        ON human.sport_group = counted.sport_group AND counted.distance_m >= human.distance_m
)
WHERE is_flagged OR is_whole OR too_fast_m > 0.05 * coalesce(distance_m, 0)
