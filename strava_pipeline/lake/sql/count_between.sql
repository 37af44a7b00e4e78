SELECT count(*)
FROM activities_all
WHERE deleted_at IS NULL AND source = $source AND start_date > $begin AND start_date < $end
