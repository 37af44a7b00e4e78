-- Activities of the $shards, of gold in the same $years, and those that only one of the two has.
WITH listed AS (
    SELECT DISTINCT id FROM read_parquet($shards, hive_partitioning = false)
),
gold AS (
    SELECT id FROM activities_all WHERE year IN (SELECT unnest($years))
)
SELECT
    (SELECT count(*) FROM listed),
    (SELECT count(*) FROM gold),
    (SELECT count(*) FROM listed WHERE NOT EXISTS (FROM activities_all AS held WHERE held.id = listed.id)),
    (SELECT count(*) FROM gold WHERE NOT EXISTS (FROM listed WHERE listed.id = gold.id))
