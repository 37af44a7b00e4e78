SELECT
    CASE WHEN activity.start_date_local IS NULL OR activity.impossible IS NULL THEN year(activity.start_date_local) ELSE activity.year END AS year,
    count(*) FILTER (activity.counts) AS activities,
    round(coalesce(sum(activity.distance) FILTER (activity.counts AND activity.distance BETWEEN 0 AND 4e7), 0) / 1000, 1) AS kilometres,
    count(detail.activity_id) AS details,
    count(*) FILTER (activity.source = $source AND detail.source IS DISTINCT FROM $source) AS missing_details,
    count(*) FILTER (detail.source = $source AND detail.fetched_at < activity.edited_at) AS stale_details
FROM activities AS activity
LEFT JOIN activity_details AS detail ON detail.activity_id = activity.id
GROUP BY 1
ORDER BY 1
