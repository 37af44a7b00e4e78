-- How many activities have several ids, how many pairs a person could decide about, and how many activities wait for that, in no
-- total meanwhile, with their distance in metres.
SELECT
    (SELECT count(DISTINCT activity_id) FROM activity_members),
    (
        SELECT count(*)
        FROM activity_matches AS pair
        JOIN activities_all AS said ON said.id = pair.id
        JOIN activities_all AS other ON other.id = pair.other_id
        WHERE NOT pair.joined AND pair.decided IS NULL AND pair.part_id IS NULL AND said.deleted_at IS NULL AND other.deleted_at IS NULL
    ),
    count(*),
    coalesce(sum(activities.distance), 0)
FROM activities
WHERE NOT counts AND id IN (SELECT waiting_id FROM activity_matches)
