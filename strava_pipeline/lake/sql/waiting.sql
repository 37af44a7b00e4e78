-- How many activities are in no total until a person says whether they are one with another, and their distance in metres.
SELECT count(*), coalesce(sum(distance), 0)
FROM activities
WHERE NOT counts AND id IN (SELECT waiting_id FROM activity_matches)
