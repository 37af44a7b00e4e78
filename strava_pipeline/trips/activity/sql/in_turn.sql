-- The trips of $years whose encrypted columns are compared as a whole on this day.
CREATE OR REPLACE TEMP TABLE in_turn AS
SELECT key, trip_id, sealed, points
FROM trips
WHERE
    present AND read_content = content AND content % $turns = $turn
    AND list_contains($years, greatest($first, least($newest, coalesce(year, $newest))))
