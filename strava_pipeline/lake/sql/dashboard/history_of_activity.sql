-- Every version of the activity $id that a listing held, under each of its ids, the newest first.
SELECT activity_id AS id, source, version, valid_from, valid_to, changed_fields, previous
FROM activity_history
WHERE activity_id = $id OR activity_id IN (SELECT id FROM activity_members WHERE activity_id = $id)
ORDER BY valid_from DESC, activity_id, version DESC
