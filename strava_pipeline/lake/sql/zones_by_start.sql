-- When the athlete's activities were in another zone than the one before, in seconds since 1970, and in which; the offset (s) where no
-- source names the zone.
SELECT epoch(start_date) AS start, coalesce(timezone, utc_offset::VARCHAR) AS zone
FROM activities
WHERE start_date IS NOT NULL AND zone IS NOT NULL
QUALIFY zone IS DISTINCT FROM lag(zone) OVER (ORDER BY start_date, id)
ORDER BY start
