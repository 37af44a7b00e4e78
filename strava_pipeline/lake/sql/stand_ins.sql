-- By id, the activity that stands for it.
SELECT id, activity_id
FROM activity_members
WHERE place > 0
