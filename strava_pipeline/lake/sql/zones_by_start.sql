-- When activities began, and in which zone, as far as both are known.
SELECT epoch(start_date) AS start, timezone FROM activities WHERE start_date IS NOT NULL AND timezone IS NOT NULL ORDER BY start_date
