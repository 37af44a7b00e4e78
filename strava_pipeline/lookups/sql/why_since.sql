-- What moved a number since the publish $at, what moved it most first, with the newest reason. {{counted}}: the rows of why_counted.sql; {{then}}: those of
-- why_then.sql.
WITH now AS (
{counted}
),
earlier AS (
{then}
),
newest AS (
    SELECT
        activity_id,
        arg_max(reason, publish) FILTER (publish > $at AND reason <> 'unmoved') AS reason,
        coalesce(bool_or(is_here) FILTER (publish <= $at), false) AS was_here
    FROM read_parquet($contributions, union_by_name = true)
    GROUP BY activity_id
)
SELECT
    activity_id,
    coalesce(now.on_day, earlier.on_day) AS on_day,
    shown.name,
    coalesce(now.sport_type, earlier.sport_type) AS sport_type,
    now.value,
    earlier.value AS before,
    coalesce(now.value, 0) - coalesce(earlier.value, 0) AS difference,
    CASE WHEN now.value IS NOT NULL AND NOT was_here THEN 'came' ELSE coalesce(reason, 'measured') END AS reason
FROM now
FULL JOIN earlier USING (activity_id)
LEFT JOIN newest USING (activity_id)
LEFT JOIN activity_list AS shown ON shown.id = activity_id
WHERE now.value IS DISTINCT FROM earlier.value
ORDER BY abs(difference) DESC, activity_id
