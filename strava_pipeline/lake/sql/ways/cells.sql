-- The cells of the ways that look for their route, and of the first way of each route there, as far as they are in common. $ways is
-- JSON: to take lists apart costs DuckDB's Python module 10 µs a value.
CREATE TEMP TABLE cell AS
WITH way AS (
    SELECT unnest(
        from_json($ways, '[{"place": "BIGINT", "activity_id": "BIGINT", "kind": "BIGINT", "cells": "INTEGER", "looks": "BOOLEAN"}]'),
        recursive := true
    )
),
looking AS MATERIALIZED (
    SELECT DISTINCT held.y, held.x
    FROM read_parquet($files, hive_partitioning = false) AS held
    WHERE held.activity_id IN (SELECT activity_id FROM way WHERE looks)
)
SELECT way.place, way.kind, way.cells, (held.y::BIGINT << 18) + held.x AS cell, held.first_m
FROM read_parquet($files, hive_partitioning = false) AS held
JOIN looking USING (y, x)
JOIN way USING (activity_id)
