-- How the recordings of the activity $id agree, a row per pair and quantity, with limits of agreement and the starts of their rows (UTC).
SELECT
    pair.* EXCLUDE (year),
    mean_difference - $limits * spread AS low_limit,
    mean_difference + $limits * spread AS high_limit,
    first.start_date AT TIME ZONE 'UTC' AS first_start,
    second.start_date AT TIME ZONE 'UTC' AS second_start
FROM recording_pairs AS pair
LEFT JOIN activities_all AS first ON first.id = pair.first_id
LEFT JOIN activities_all AS second ON second.id = pair.second_id
WHERE pair.activity_id = $id
ORDER BY pair.first_id, pair.second_id, pair.quantity
