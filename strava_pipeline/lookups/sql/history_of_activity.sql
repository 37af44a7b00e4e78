-- Every version of the activity $id that a listing held, under each of its ids, the newest first, with the name of the gear before.
SELECT
    activity_id AS id,
    activity_history.source,
    version,
    valid_from,
    valid_to,
    changed_fields,
    previous,
    coalesce(gear.name, gear.nickname) AS previous_gear
FROM activity_history
LEFT JOIN gear ON gear.source = activity_history.source AND gear.gear_id = previous ->> '$.gear_id'
WHERE activity_id = $id OR activity_id IN (SELECT id FROM activity_members WHERE activity_id = $id)
ORDER BY valid_from DESC, activity_id, version DESC
