-- What each gear with a service in goals.toml did since that was done: all activities after that day, with every thing of that name or
-- id; of the owner, whose goals these are. No piece: the name in goals.toml may be a slip.
WITH owner AS (
{owner}),
meant AS (
    SELECT DISTINCT services.gear, services.service, items.item
    FROM gear_services AS services
    JOIN gear_items AS items ON services.gear IN (items.name, items.gear_id) OR (items.is_linked AND services.gear = items.item)
),
pieces AS (
    SELECT gear, service, count(*) FILTER (gear_items.rows > 0) AS pieces, list_sort(list_distinct(list(item))) AS items
    FROM meant
    JOIN gear_items USING (item)
    GROUP BY ALL
),
used AS (
    SELECT meant.gear, meant.service, uses.activity_id, uses.on_day, uses.distance_m, uses.moving_time_seconds
    FROM meant
    JOIN gear_services AS services USING (gear, service)
    JOIN counted_activities AS uses ON uses.gear_item = meant.item AND (done_on IS NULL OR on_day > done_on)
    SEMI JOIN owner ON owner.athlete_id = uses.athlete_id
),
sums AS (
    SELECT
        services.*,
        coalesce(any_value(pieces.pieces), 0) AS pieces,
        coalesce(any_value(pieces.items), []) AS items,
        count(used.activity_id) AS activities,
        coalesce({total_distance}, 0) AS distance_m,
        coalesce({total_time}, 0) AS moving_time_seconds
    FROM gear_services AS services
    LEFT JOIN pieces USING (gear, service)
    LEFT JOIN used USING (gear, service)
    GROUP BY services.*
)
SELECT
    gear,
    service,
    done_on,
    pieces,
    activities,
    distance_m,
    moving_time_seconds,
    every_m,
    every_seconds,
    greatest(distance_m / every_m, moving_time_seconds / every_seconds) AS share_used,
    share_used >= 1 AS is_due,
    items
FROM sums
