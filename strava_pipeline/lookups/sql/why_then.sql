-- What counted of a selection by the publish $at: a number over it, or its rows. {{columns}}: by the declaration; {{selected}}: conditions.
WITH kept AS (
    SELECT *, activity_id AS id
    FROM read_parquet($contributions, union_by_name = true)
    WHERE publish <= $at
    QUALIFY row_number() OVER (PARTITION BY activity_id ORDER BY publish DESC) = 1
),
chosen AS (
    SELECT * FROM kept WHERE counts AND athlete_id = $athlete_id AND {selected}
)
SELECT
    {columns}
FROM chosen
