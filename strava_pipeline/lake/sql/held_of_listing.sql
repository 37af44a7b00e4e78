-- What gold holds of the activities $ids and of the years $years, to be compared with a listing. Moments are in UTC and bare.
SELECT
    id,
    year,
    start_date AT TIME ZONE 'UTC' AS start_date,
    content_hash,
    fingerprint,
    ingestion_ts AT TIME ZONE 'UTC' AS ingestion_ts,
    deleted_at IS NOT NULL AS is_deleted
FROM activities_all
WHERE source = $source
  AND (year IN (SELECT unnest($years)) OR id IN (SELECT unnest($ids)))
