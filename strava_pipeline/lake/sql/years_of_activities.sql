-- The activities of $year, and those of $ids whatever their year, which may be another by now.
SELECT id, athlete_id, year
FROM activities_all
WHERE year = $year OR id IN (SELECT unnest($ids::BIGINT[]))
