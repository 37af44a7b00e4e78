-- The activities of $ids as they are called now: each may have become one with others since.
SELECT DISTINCT coalesce(member.activity_id, said.id) AS activity_id
FROM (SELECT unnest($ids::BIGINT[]) AS id) AS said
LEFT JOIN activity_members AS member ON member.id = said.id
ORDER BY activity_id
