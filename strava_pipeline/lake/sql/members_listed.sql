-- Activities that come from several ids, newest first, with who says so: a row per id, in their order. $id: of this one alone,
-- by any of its ids; NULL: all.
SELECT member.activity_id, member.place, member.id, said.source, said.name, said.start_date AT TIME ZONE 'UTC', said.deleted_at IS NOT NULL
FROM activity_members AS member
JOIN activities_all AS said ON said.id = member.id
JOIN activities_all AS head ON head.id = member.activity_id
WHERE $id IS NULL OR member.activity_id IN (SELECT activity_id FROM activity_members WHERE id = $id)
ORDER BY head.start_date DESC NULLS LAST, member.activity_id, member.place
