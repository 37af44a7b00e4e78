-- The years, other than $years, in which gold holds an activity of these $shards.
SELECT DISTINCT gold.year
FROM activities_all AS gold
SEMI JOIN (SELECT id FROM read_parquet($shards, hive_partitioning = false)) AS shard ON shard.id = gold.id
WHERE NOT list_contains($years, gold.year)
ORDER BY gold.year
