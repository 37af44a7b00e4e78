-- When the athlete's activities were in another zone than the one before, in seconds since 1970, and in which.
SELECT epoch(start_date) AS start, timezone
FROM activities
WHERE start_date IS NOT NULL AND timezone IS NOT NULL
QUALIFY timezone IS DISTINCT FROM lag(timezone) OVER (ORDER BY start_date, id)
ORDER BY start
