SELECT count(*)
FROM activities_all
WHERE deleted_at IS NULL AND source = 'strava' AND start_date > $begin AND start_date < $end
