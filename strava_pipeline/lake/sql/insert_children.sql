INSERT INTO {table} BY NAME
SELECT * FROM read_parquet($rows) SEMI JOIN incoming USING (activity_id)
