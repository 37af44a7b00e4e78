-- Which of the activities $ids are present, with their year, name and start.
SELECT id, year, name, start_date
FROM activities
WHERE id IN (SELECT unnest($ids::BIGINT[]))
