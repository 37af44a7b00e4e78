-- The digests of all trips in the order of a whole reading: latest start first, then the highest id.
SELECT digest
FROM trips
WHERE present AND digest IS NOT NULL
ORDER BY started DESC NULLS LAST, number IS NULL DESC, number DESC, trip_id DESC
