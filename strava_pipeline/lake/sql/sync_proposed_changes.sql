-- The table becomes what is staged. $rows: a Parquet file with a row per change.
MERGE INTO proposed_changes AS gold
USING (SELECT * FROM read_parquet($rows)) AS staged
ON gold.id = staged.id
WHEN MATCHED AND gold IS DISTINCT FROM staged THEN UPDATE BY NAME
WHEN NOT MATCHED BY TARGET THEN INSERT BY NAME
WHEN NOT MATCHED BY SOURCE THEN DELETE
RETURNING merge_action
