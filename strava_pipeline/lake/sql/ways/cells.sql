-- The cells of the ways that look for their route, and of the first way of each route there, as far as they are in common.
CREATE TEMP TABLE cell AS
WITH found AS MATERIALIZED (
    SELECT way.place, way.kind, way.cells, way.looks, (held.y::BIGINT << 18) + held.x AS cell, held.first_m
    FROM read_parquet($files, hive_partitioning = false) AS held
    JOIN (
        SELECT
            unnest($places) AS place,
            unnest($ids) AS activity_id,
            unnest($kinds) AS kind,
            unnest($cells) AS cells,
            unnest($looks) AS looks
    ) AS way ON way.activity_id = held.activity_id
)
SELECT * EXCLUDE (looks) FROM found WHERE cell IN (SELECT cell FROM found WHERE looks)
