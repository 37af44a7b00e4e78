-- The newest version of each activity in `versions` of $years. $files: those of $all that hold them. Whether an activity is gone from the
-- source is not for this to say.
SELECT whole.* EXCLUDE (deleted_at) REPLACE (newest.edited_at AS edited_at, newest.last_account AS account)
FROM read_parquet($files, hive_partitioning = false) AS whole
JOIN versions AS newest ON newest.file = list_position($all, whole.filename) AND newest.place = whole.file_row_number
WHERE newest.ended_at IS NULL AND list_contains($years, newest.newest_year)
