-- Activities in which nobody moved by themselves all the way: flagged at Strava; stretches of the track, of more than a twentieth of its
-- length, that nobody ever was as fast in (where they are the lesser half, the rest may hold records over a distance); or their whole distance in less time than anybody took (of rides from 5 km on).
SELECT
    counted.activity_id,
    coalesce(activities.flagged, false) AS is_flagged,
    stretches.too_fast_m,
    NOT coalesce(stretches.too_fast_m <= 0.5 * counted.distance_m AND NOT is_flagged, false) AS holds_none
FROM counted_activities AS counted
JOIN activities ON activities.id = counted.activity_id
LEFT JOIN (
    SELECT activity_id, max(width) AS too_fast_m FROM track_bests WHERE measure = 'too_fast' GROUP BY activity_id
) AS stretches USING (activity_id)
ASOF LEFT JOIN human_bests AS human
    ON human.sport_group = counted.sport_group AND counted.distance_m >= human.distance_m
WHERE activities.flagged
   OR stretches.too_fast_m > 0.05 * coalesce(counted.distance_m, 0)
   OR coalesce(nullif(counted.elapsed_time_seconds, 0), counted.moving_time_seconds)
       < human.least_seconds * counted.distance_m / human.distance_m
