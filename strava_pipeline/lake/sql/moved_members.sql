-- How many ids of each partition belong to another activity than before, or in another order, or are parts of a whole or no longer;
-- and the partitions of these.
WITH moved AS (
    SELECT coalesce(before.id, now.id) AS id, before.activity_id AS was, now.activity_id AS is_now
    FROM members_before AS before
    FULL JOIN activity_members AS now ON now.id = before.id
    WHERE (before.activity_id, before.place) IS DISTINCT FROM (now.activity_id, now.place)
    UNION ALL
    SELECT coalesce(before.part_id, now.part_id) AS id, id AS was, id AS is_now
    FROM parts_before AS before
    FULL JOIN (SELECT DISTINCT part_id FROM activity_matches WHERE part_id IS NOT NULL) AS now ON now.part_id = before.part_id
    WHERE before.part_id IS NULL OR now.part_id IS NULL
)
SELECT said.year, count(DISTINCT touched.id) FILTER (said.id = touched.id)
FROM (
    SELECT id, unnest([id, was, is_now]) AS one FROM moved
) AS touched
JOIN activities_all AS said ON said.id = touched.one
GROUP BY said.year
