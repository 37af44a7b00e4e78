-- The ids of all sources of the activity $id; none where it has but one.
SELECT id FROM activity_members WHERE activity_id = $id ORDER BY id
