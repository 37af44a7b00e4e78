-- Which of the shards $all hold what is known of the activities whose newest version is of $years.
SELECT list(DISTINCT $all[file])
FROM (
    SELECT file FROM versions WHERE list_contains($years, newest_year)
    UNION ALL
    SELECT file_before FROM versions WHERE list_contains($years, newest_year) AND version > 1
)
