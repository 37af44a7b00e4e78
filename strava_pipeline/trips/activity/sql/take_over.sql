-- Takes over what differs. Of several trips with one external id the latest start counts: `chosen`.
UPDATE trips SET present = NOT is_gone, key = coalesce(differing.key, trips.key)
FROM differing
WHERE differing.trip_id = trips.trip_id;
UPDATE trips
SET
    external_id = incoming.external_id, year = incoming.year, started = incoming.started, number = incoming.number,
    points = incoming.points, content = differing.content
FROM incoming
JOIN differing USING (trip_id)
WHERE incoming.trip_id = trips.trip_id;
INSERT INTO trips BY NAME
SELECT incoming.*, key, content, TRUE AS present, TRUE AS chosen
FROM incoming
JOIN differing USING (trip_id)
WHERE trip_id NOT IN (SELECT trip_id FROM trips);
UPDATE trips SET chosen = ranked.chosen, read_content = 0
FROM (
    SELECT
        trip_id,
        1 = row_number() OVER (
            PARTITION BY external_id ORDER BY started DESC NULLS LAST, number IS NULL DESC, number DESC, trip_id DESC
        ) AS chosen
    FROM trips
    WHERE
        present
        AND external_id IN (SELECT external_id FROM trips WHERE present GROUP BY ALL HAVING count(*) > 1 OR NOT bool_and(chosen))
) AS ranked
WHERE ranked.trip_id = trips.trip_id AND ranked.chosen <> trips.chosen
