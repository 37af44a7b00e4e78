-- Of which activities a batch's sessions count: not where gold has some of a better source. $rows: the staged Parquet file of
-- activity_sessions; $sources: best first.
CREATE OR REPLACE TEMP TABLE incoming AS
SELECT DISTINCT staged.activity_id
FROM read_parquet($rows) AS staged
LEFT JOIN activity_sessions_by_source AS gold USING (activity_id)
WHERE gold.source IS NULL OR list_position($sources, staged.source) <= list_position($sources, gold.source)
