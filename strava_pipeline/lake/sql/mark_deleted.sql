-- $marks: a staged Parquet file of activities whose mark changes; without a time: they are present again.
UPDATE activities_all
SET deleted_at = mark.deleted_at
FROM read_parquet($marks) AS mark
WHERE mark.id = activities_all.id
