-- Whether two activities may be one: several sources or files tell of them, or two of one source share a moment. $file,
-- $strava: these sources; $longest: of a longer activity only so many seconds count.
SELECT coalesce(count(DISTINCT numbered_by) > 1 OR bool_or(numbered_by = $file) OR bool_or(start <= earlier), false)
FROM (
    SELECT
        CASE WHEN id > 0 THEN $strava ELSE source END AS numbered_by,
        epoch(start_date) AS start,
        max(start + least(greatest(coalesce(elapsed_time, 0), 0), $longest)) OVER (
            ORDER BY start ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS earlier
    FROM activities_all
)
