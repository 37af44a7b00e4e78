-- Which details of a batch are newer than what gold holds, or from a better source. $details: the staged Parquet file of
-- activity_details; $sources: best first; $disbelieved: times at which none of them came, whatever gold says.
CREATE OR REPLACE TEMP TABLE incoming AS
SELECT staged.activity_id
FROM read_parquet($details) AS staged
LEFT JOIN activity_details_by_source AS gold USING (activity_id)
WHERE gold.fetched_at IS NULL
   OR list_position($sources, staged.source) < list_position($sources, gold.source)
   OR (staged.source = gold.source AND (gold.fetched_at < staged.fetched_at OR list_contains($disbelieved::TIMESTAMPTZ[], gold.fetched_at)))
