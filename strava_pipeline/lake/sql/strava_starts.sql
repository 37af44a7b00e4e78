-- Every activity of $year that Strava ever told, with what points need beside streams: a row for each id of Strava's that it
-- has, the one that stands for it first. Moments in UTC and bare.
SELECT head.id, head.athlete_id, said.id, said.start_date AT TIME ZONE 'UTC'
FROM activities_all AS said
LEFT JOIN activity_members AS member ON member.id = said.id
JOIN activities_all AS head ON head.id = coalesce(member.activity_id, said.id)
WHERE said.source = $source AND head.year = $year
ORDER BY head.id, coalesce(member.place, 0)
