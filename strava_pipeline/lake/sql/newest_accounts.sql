-- The account of a provider's activity is the one that showed it last, also where nothing else changed since. $shards: the files
-- whose activities are looked at; $others: those of the years that ever held some of the same activities. A sighting without
-- an account says nothing.
UPDATE activities_all AS gold
SET account = seen.account
FROM (
    SELECT id, source, arg_max(account, (ingestion_ts, account)) AS account
    FROM read_parquet(list_concat($shards, $others), hive_partitioning = false)
    WHERE account IS NOT NULL
    GROUP BY id, source
) AS seen
WHERE gold.id = seen.id AND gold.source = seen.source AND gold.account IS DISTINCT FROM seen.account
