-- The $most newest activity trips with what was found out about each, without positions.
SELECT
    trip_diagnostics.external_id, trip_index.started_at, trip_index.platform, trip_index.activity_type, trip_index.status AS stored_verdict,
    trip_diagnostics.verdict, trip_diagnostics.primary_reason, trip_diagnostics.label, trip_diagnostics.outcome_vs_stored,
    trip_index.distance_m, trip_index.duration_s
FROM trip_diagnostics
LEFT JOIN trip_index USING (external_id)
WHERE trip_diagnostics.deleted_at IS NULL
ORDER BY trip_index.started_at DESC NULLS LAST, trip_diagnostics.external_id
LIMIT $most
