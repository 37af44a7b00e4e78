-- The activities of `versions` in $years of which the history holds other versions; these leave it.
CREATE OR REPLACE TEMP TABLE lacking AS
SELECT id
FROM (SELECT id, count(*) AS versions, sum(epoch_us(ingestion_ts)) AS moments FROM versions WHERE list_contains($years, newest_year) GROUP BY id)
ANTI JOIN (
    SELECT activity_id AS id, count(*) AS versions, sum(epoch_us(valid_from)) AS moments
    FROM activity_history
    GROUP BY activity_id
) USING (id, versions, moments)
