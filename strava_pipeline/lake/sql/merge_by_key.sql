-- A small table whose newest rows replace the older ones. $rows: a staged Parquet file.
MERGE INTO {table} AS gold
USING (SELECT * FROM read_parquet($rows)) AS staged
ON gold.{key} = staged.{key}
WHEN MATCHED AND gold.fetched_at < staged.fetched_at THEN UPDATE BY NAME
WHEN NOT MATCHED THEN INSERT BY NAME
RETURNING merge_action
