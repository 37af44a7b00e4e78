-- How many of the activities $ids an import or another source than $source tells of, too.
SELECT count(*)
FROM (SELECT unnest($ids::BIGINT[]) AS id) AS asked
WHERE id IN (SELECT id FROM imported_activities)
   OR id IN (
       SELECT mine.id
       FROM activity_members AS mine
       JOIN activity_members AS other ON other.activity_id = mine.activity_id AND other.id <> mine.id
       WHERE other.source <> $source
   )
