-- What each gear with a service in goals.toml did since that was done: all activities after that day, on every piece of that name or
-- id, as several services may know one bike. No piece: the name in goals.toml may be a slip.
WITH used AS (
    SELECT counted.gear_id, gear.name, counted.activity_id, counted.on_day, counted.distance_m, counted.moving_time_seconds
    FROM counted_activities AS counted
    LEFT JOIN gear ON gear.source = counted.gear_source AND gear.gear_id = counted.gear_id
    WHERE counted.gear_id IS NOT NULL
),
sums AS (
    SELECT
        services.*,
        count(DISTINCT used.gear_id) AS pieces,
        count(used.activity_id) FILTER (done_on IS NULL OR on_day > done_on) AS activities,
        coalesce(sum(distance_m) FILTER (done_on IS NULL OR on_day > done_on), 0) AS distance_m,
        coalesce(sum(moving_time_seconds) FILTER (done_on IS NULL OR on_day > done_on), 0)::BIGINT AS moving_time_seconds
    FROM gear_services AS services
    LEFT JOIN used ON used.name = services.gear OR used.gear_id = services.gear
    GROUP BY ALL
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
    share_used >= 1 AS is_due
FROM sums
