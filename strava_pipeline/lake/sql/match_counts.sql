-- How many activities have several ids, and how many pairs a person could decide about.
SELECT
    (SELECT count(DISTINCT activity_id) FROM activity_members),
    (SELECT count(*) FROM activity_matches WHERE NOT joined AND decided IS NULL AND part_id IS NULL)
