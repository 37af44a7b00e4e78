-- The athlete or gear, the newest of the best source. $rows: a staged Parquet file; $sources: best first.
MERGE INTO {table} AS gold
USING (SELECT * FROM read_parquet($rows)) AS staged
ON gold.{key} = staged.{key}
WHEN MATCHED AND (
    list_position($sources, staged.source) < list_position($sources, gold.source)
    OR (staged.source = gold.source AND gold.fetched_at <> staged.fetched_at)
) THEN UPDATE BY NAME
WHEN NOT MATCHED THEN INSERT BY NAME
RETURNING merge_action
