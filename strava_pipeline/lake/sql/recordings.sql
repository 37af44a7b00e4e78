-- The ids of activities of $year that several sources or files have, the one that stands first before the others, with what a
-- comparison of their recordings needs; $virtual: what names of virtual sports begin with.
SELECT
    member.activity_id,
    member.id,
    head.athlete_id,
    head.start_date_local::DATE AS on_day,
    said.source,
    said.start_date AT TIME ZONE 'UTC',
    said.device_name,
    coalesce(starts_with(said.sport_type, $virtual), false) AS is_virtual,
    coalesce(said.trainer, false) AS is_trainer,
    coalesce(sport_groups.sport_group, 'other') AS sport_group
FROM activity_members AS member
JOIN activities_all AS head ON head.id = member.activity_id
JOIN activities_all AS said ON said.id = member.id
LEFT JOIN sport_groups ON sport_groups.sport_type = coalesce(head.sport_type, head.type)
WHERE head.year = $year
ORDER BY member.activity_id, member.place
