-- What counted of a selection by the publish at $at: a number over it, or its rows. {{columns}}: by the declaration; {{selected}}: conditions.
WITH kept AS (
    SELECT *, activity_id AS id
    FROM read_parquet($contributions)
    WHERE published_at <= $at
    QUALIFY row_number() OVER (PARTITION BY activity_id ORDER BY published_at DESC) = 1
),
chosen AS (
    SELECT * FROM kept WHERE counts AND athlete_id = $athlete_id AND {selected}
)
SELECT
    {columns}
FROM chosen
