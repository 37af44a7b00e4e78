-- How many activities have several ids, and how many pairs a person could decide about.
SELECT
    (SELECT count(DISTINCT activity_id) FROM activity_members),
    (
        SELECT count(*)
        FROM activity_matches AS pair
        JOIN activities_all AS said ON said.id = pair.id
        JOIN activities_all AS other ON other.id = pair.other_id
        WHERE NOT pair.joined AND pair.decided IS NULL AND pair.part_id IS NULL AND said.deleted_at IS NULL AND other.deleted_at IS NULL
    )
