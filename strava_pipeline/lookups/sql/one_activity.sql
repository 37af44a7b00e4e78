-- The activity $id with the name of its gear, its place, which columns are computed of its track, and the descent
-- of sports with lifts ($lifted), by the device, or else by the track. {columns}: of activities_all, from the catalogue, and of activity_sums.
SELECT
    {columns},
    activities.counts,
    activities.has_time,
    (SELECT min(counted_id) FROM activity_matches WHERE waiting_id = $id) AS waits_for,
    activities.impossible,
    CASE WHEN list_contains($lifted, coalesce(activities.sport_type, activities.type)) THEN coalesce(device.descent_m, track.elevation_loss) END
        AS descent,
    list_concat(
        coalesce(activity_sums.computed, []),
        list_filter(coalesce(activity_list.computed, []), lambda name: name = 'place'),
        CASE WHEN device.descent_m IS NULL AND descent IS NOT NULL THEN ['descent'] ELSE [] END
    ) AS computed,
    activity_list.gear_item,
    activity_list.gear_name,
    activity_list.place
FROM activities
CROSS JOIN (SELECT sum(descent_m) AS descent_m FROM activity_sessions WHERE activity_id = $id) AS device
LEFT JOIN computed_values AS track ON track.activity_id = activities.id
JOIN activity_sums ON activity_sums.activity_id = activities.id
LEFT JOIN activity_list ON activity_list.id = activities.id
WHERE activities.id = $id
