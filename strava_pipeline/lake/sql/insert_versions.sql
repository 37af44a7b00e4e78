-- {differing}: the names of the columns that differ, else NULL; {before}: with what they were before, as JSON.
INSERT INTO activity_history BY NAME
SELECT
    later.id AS activity_id,
    later.version,
    later.athlete_id,
    later.source,
    later.ingestion_ts AS valid_from,
    later.valid_to,
    list_filter([{differing}], lambda name: name IS NOT NULL) AS changed_fields,
    to_json(map_from_entries(list_filter([{before}], lambda entry: entry IS NOT NULL))) AS previous
FROM (
    SELECT
        *,
        row_number() OVER in_order AS version,
        lead(ingestion_ts) OVER in_order AS valid_to,
        lag(ingestion_ts) OVER in_order AS came_before
    FROM versions
    WINDOW in_order AS (PARTITION BY id ORDER BY ingestion_ts)
) AS later
LEFT JOIN versions AS earlier ON earlier.id = later.id AND earlier.ingestion_ts = later.came_before
