-- A page of the present activities, the newest first, those without a start last. $at and $id: the last row of the page before it;
-- $first_on, $last_on: local days, inclusive; $words: a part of the name, whatever its case and accents. NULL: whatever it is.
-- `computed`: the columns that are computed of the track.
SELECT
    id,
    source,
    source_id,
    name,
    coalesce(activities.sport_type, type) AS sport_type,
    coalesce(sport_group, 'other') AS sport_group,
    start_date,
    start_date_local,
    distance,
    sums.moving_time,
    elapsed_time,
    sums.total_elevation_gain,
    average_speed,
    average_heartrate,
    average_watts,
    suffer_score,
    gear_source,
    gear_id,
    commute,
    trainer,
    private,
    coalesce(sums.computed, []) AS computed,
    coalesce(start_date_local, timezone('UTC', start_date), TIMESTAMP '0001-01-01') AS sorted_at
FROM activities
JOIN activity_sums AS sums ON sums.activity_id = id
LEFT JOIN sport_groups ON sport_groups.sport_type = coalesce(activities.sport_type, activities.type)
WHERE ($at::TIMESTAMP IS NULL OR sorted_at < $at OR (sorted_at = $at AND id < $id))
  AND ($first_on::DATE IS NULL OR sorted_at >= $first_on)
  AND ($last_on::DATE IS NULL OR sorted_at < $last_on::DATE + INTERVAL 1 DAY)
  AND ($sport::VARCHAR IS NULL OR coalesce(sport_group, 'other') = $sport OR coalesce(activities.sport_type, type) = $sport)
  AND ($words::VARCHAR IS NULL OR contains(strip_accents(lower(name)), strip_accents(lower($words))))
ORDER BY sorted_at DESC, id DESC
LIMIT $most
