-- The athlete or gear as last received. $rows: a staged Parquet file. {outranked}: where what is there says more.
MERGE INTO {table} AS gold
USING (SELECT * FROM read_parquet($rows)) AS staged
ON {same_key}
WHEN MATCHED AND gold.fetched_at <> staged.fetched_at AND NOT ({outranked}) THEN UPDATE BY NAME
WHEN NOT MATCHED THEN INSERT BY NAME
RETURNING merge_action
