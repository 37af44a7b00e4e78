-- The activity $id with the name of its gear, and which columns are computed of its track. {columns}: of activities_all, from the
-- catalogue, and of activity_sums.
SELECT {columns}, coalesce(activity_sums.computed, []) AS computed, coalesce(gear.name, gear.nickname) AS gear_name
FROM activities
JOIN activity_sums ON activity_sums.activity_id = activities.id
LEFT JOIN gear ON gear.source = activities.gear_source AND gear.gear_id = activities.gear_id
WHERE activities.id = $id
