-- The activities of $source that came before $until: in a listing that gold has merged.
SELECT id FROM activities_all WHERE source = $source AND ingestion_ts < $until
UNION
SELECT activity_id FROM activity_history WHERE source = $source AND valid_from < $until
