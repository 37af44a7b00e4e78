-- The activities whose newest version, of $years, is their row, and of which the history holds other versions.
CREATE OR REPLACE TEMP TABLE lacking AS
SELECT id
FROM (SELECT id, count(*) AS versions, sum(epoch_us(ingestion_ts)) AS moments FROM versions WHERE list_contains($years, newest_year) GROUP BY id)
ANTI JOIN (
    SELECT activity_id AS id, count(*) AS versions, sum(epoch_us(valid_from)) AS moments
    FROM activity_history
    GROUP BY activity_id
) USING (id, versions, moments)
SEMI JOIN (
    SELECT gold.id
    FROM activities_all AS gold
    JOIN versions AS newest ON newest.id = gold.id AND newest.source = gold.source AND newest.ingestion_ts = gold.ingestion_ts
    WHERE newest.ended_at IS NULL
) USING (id)
