-- Rows whose key is not there yet. $rows: a staged Parquet file.
INSERT INTO {table} BY NAME
SELECT * FROM read_parquet($rows) AS staged
ANTI JOIN {table} USING ({key})
RETURNING 1
