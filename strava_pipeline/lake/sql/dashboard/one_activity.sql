-- The activity $id with the name of its gear. {columns}: of activities_all, from the catalogue.
SELECT {columns}, coalesce(gear.name, gear.nickname) AS gear_name
FROM activities
LEFT JOIN gear ON gear.source = activities.gear_source AND gear.gear_id = activities.gear_id
WHERE activities.id = $id
