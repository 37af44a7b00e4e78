-- Pairs of years that hold some of the same activities, because their local year was edited: in these $shards, and in gold.
WITH seen AS (
    SELECT DISTINCT id, year FROM read_parquet($shards, hive_partitioning = false)
),
held AS (
    SELECT id, year FROM seen
    UNION
    SELECT gold.id, gold.year FROM activities_all AS gold SEMI JOIN seen ON seen.id = gold.id
)
SELECT DISTINCT least(seen.year, held.year), greatest(seen.year, held.year)
FROM seen
JOIN held ON held.id = seen.id
WHERE held.year <> seen.year
