-- What is known of files. $rows: a staged Parquet file with a row per file.
MERGE INTO files AS gold
USING (SELECT * FROM read_parquet($rows)) AS staged
ON gold.sha256 = staged.sha256
WHEN MATCHED AND (gold.kind, gold.problem, gold.recordings, gold.flags, gold.names, gold.source, gold.account, gold.source_id)
    IS DISTINCT FROM (
        staged.kind, staged.problem, staged.recordings, staged.flags, staged.names, staged.source, staged.account,
        staged.source_id
    ) THEN UPDATE BY NAME
WHEN NOT MATCHED THEN INSERT BY NAME
RETURNING merge_action
