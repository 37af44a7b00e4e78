-- Whether an activity of $shards, or of gold in $years, stands or stood in another year, too, or left these shards: then only the shards of
-- every year say what counts.
WITH listed AS (
    SELECT DISTINCT id FROM read_parquet($shards, hive_partitioning = false)
),
held AS (
    SELECT id FROM activities_all WHERE list_contains($years, year)
),
stood AS (
    SELECT id, year FROM activities_all
    UNION ALL
    SELECT id, year FROM imported_activities
    UNION ALL
    SELECT activity_id, coalesce(year(TRY_CAST(coalesce(previous ->> 'start_date_local', previous ->> 'start_date') AS TIMESTAMP)), 0)
    FROM activity_history
    WHERE list_has_any(changed_fields, ['start_date_local', 'start_date'])
)
SELECT EXISTS (FROM held ANTI JOIN listed USING (id))
    OR EXISTS (FROM stood SEMI JOIN (FROM listed UNION FROM held) USING (id) WHERE NOT list_contains($years, year))
