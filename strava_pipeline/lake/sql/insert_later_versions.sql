-- The later versions of the activities in `lacking`, each with what it changed. $files: those of $all that hold them; {differing}: the names of
-- the columns that differ, else NULL; {before}: with what they were before, as JSON.
INSERT INTO activity_history BY NAME
SELECT
    known.id AS activity_id,
    known.version,
    known.athlete_id,
    known.source,
    known.ingestion_ts AS valid_from,
    known.ended_at AS valid_to,
    list_filter([{differing}], lambda name: name IS NOT NULL) AS changed_fields,
    to_json(map_from_entries(list_filter([{before}], lambda entry: entry IS NOT NULL))) AS previous
FROM versions AS known
SEMI JOIN lacking USING (id)
JOIN read_parquet($files, hive_partitioning = false) AS later
    ON list_position($all, later.filename) = known.file AND later.file_row_number = known.place
JOIN read_parquet($files, hive_partitioning = false) AS earlier
    ON list_position($all, earlier.filename) = known.file_before AND earlier.file_row_number = known.place_before
WHERE known.version > 1
