-- Which of the activities $ids are present, with their year, name and start.
SELECT id, year, name, start_date
FROM activities_all
WHERE deleted_at IS NULL AND id IN (SELECT unnest($ids::BIGINT[]))
