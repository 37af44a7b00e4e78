-- Which details of a batch are newer than what gold holds. $details: the staged Parquet file of activity_details.
CREATE OR REPLACE TEMP TABLE incoming AS
SELECT staged.activity_id
FROM read_parquet($details) AS staged
LEFT JOIN activity_details AS gold USING (activity_id)
WHERE gold.fetched_at IS NULL OR gold.fetched_at < staged.fetched_at
