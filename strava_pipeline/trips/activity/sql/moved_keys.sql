-- The saved trips whose key has another place in the list $ring than in $before.
CREATE OR REPLACE TEMP TABLE moved AS
SELECT external_id, list_position($ring, opened) - 1 AS place
FROM trips
JOIN kept USING (external_id)
WHERE present AND chosen AND list_position($ring, opened) <> coalesce(list_position($before, opened), 0)
