-- How the recordings of the activity $id agree, a row per pair and quantity, with the starts of what has them (UTC).
SELECT
    pair.* EXCLUDE (year),
    (SELECT sport_type FROM activity_list WHERE id = $id) AS sport_type,
    first.start_date AT TIME ZONE 'UTC' AS first_start,
    second.start_date AT TIME ZONE 'UTC' AS second_start
FROM recording_pairs AS pair
LEFT JOIN activities_all AS first ON first.id = pair.first_id
LEFT JOIN activities_all AS second ON second.id = pair.second_id
WHERE pair.activity_id = $id AND pair.seconds > 0
ORDER BY least(pair.first_id, pair.second_id), greatest(pair.first_id, pair.second_id), pair.quantity = 'heartrate' DESC, pair.quantity
