-- How many ids of each partition belong to another activity than before, or in another order; and the partitions of these.
WITH moved AS (
    SELECT coalesce(before.id, now.id) AS id, before.activity_id AS was, now.activity_id AS is_now
    FROM members_before AS before
    FULL JOIN activity_members AS now ON now.id = before.id
    WHERE (before.activity_id, before.place) IS DISTINCT FROM (now.activity_id, now.place)
)
SELECT said.year, count(DISTINCT touched.id) FILTER (said.id = touched.id)
FROM (
    SELECT id, unnest([id, was, is_now]) AS one FROM moved
) AS touched
JOIN activities_all AS said ON said.id = touched.one
GROUP BY said.year
