MERGE INTO activity_details_by_source AS gold
USING (SELECT * FROM read_parquet($details) SEMI JOIN incoming USING (activity_id)) AS staged
ON gold.activity_id = staged.activity_id
WHEN MATCHED THEN UPDATE BY NAME
WHEN NOT MATCHED THEN INSERT BY NAME
RETURNING merge_action
