-- The rows of $years that aren't deleted, and whether the source no longer has their trip.
CREATE OR REPLACE TEMP TABLE gone AS
SELECT external_id, external_id NOT IN (SELECT external_id FROM trips WHERE present) AS is_gone
FROM kept
WHERE NOT deleted AND list_contains($years, year)
