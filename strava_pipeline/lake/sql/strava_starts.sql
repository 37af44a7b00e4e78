-- Every activity of Strava's that $year ever held, but for those for which another one stands, with what its points need beside its streams. Moments in UTC and bare.
SELECT id, athlete_id, start_date AT TIME ZONE 'UTC'
FROM activities_all
WHERE source = 'strava' AND year = $year AND id NOT IN (SELECT id FROM activity_members WHERE place > 0)
