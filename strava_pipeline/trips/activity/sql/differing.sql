-- What differs between the listing and what is known.
CREATE OR REPLACE TEMP TABLE differing AS
SELECT
    trip_id, listed.key, listed.content, listed.content IS NULL AS is_gone,
    listed.content IS NOT NULL AND listed.content IS DISTINCT FROM trips.content AS is_changed
FROM listed
FULL JOIN trips USING (trip_id)
WHERE
    CASE
        WHEN listed.content IS NULL THEN trips.present
        ELSE listed.content IS DISTINCT FROM trips.content OR listed.key <> trips.key OR NOT trips.present
    END
