-- The services of gear in goals.toml, those that are due first.
SELECT gear, service, done_on, pieces, activities, distance_m, moving_time_seconds, every_m, every_seconds, share_used, is_due, items
FROM gear_service_state
ORDER BY share_used DESC NULLS LAST, gear, service
