-- The fastest times of the activity $id, from short to long, each distance once. `by_device`: a faster time whose distance the device
-- alone tells. `by_strava`: what Strava's best effort says, where that is another time.
SELECT
    bests.record,
    bests.value,
    bests.unit,
    bests.told_by,
    bests.measured_by,
    bests.at_most,
    bests.is_dismissed,
    bests.sport_group,
    lag(bests.value) OVER (PARTITION BY bests.record ORDER BY bests.value) AS by_device,
    nullif(strava.seconds, bests.value) AS by_strava
FROM activity_bests AS bests
JOIN standard_distances AS lengths USING (record)
LEFT JOIN (
    SELECT record, min(elapsed_time) AS seconds
    FROM activity_best_efforts
    JOIN standard_distances ON abs(distance - distance_m) <= 1
    WHERE activity_id = $id AND elapsed_time > 0
    GROUP BY record
) AS strava USING (record)
WHERE bests.activity_id = $id
QUALIFY row_number() OVER (PARTITION BY bests.record ORDER BY bests.value DESC) = 1
ORDER BY lengths.distance_m
