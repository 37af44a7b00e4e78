-- The gear that an activity can be of, by source and id, also where no activity names it; what is retired comes last.
SELECT
    source || ':' || gear_id AS key,
    name,
    source,
    count(*) OVER (PARTITION BY lower(name)) > 1 AS has_twin
FROM gear_items
ORDER BY coalesce(retired, false), lower(name), key
