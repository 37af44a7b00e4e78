-- Which activity stands for another one.
SELECT id, activity_id
FROM activity_members
WHERE activity_id <> id
