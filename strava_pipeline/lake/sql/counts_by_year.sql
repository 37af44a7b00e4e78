-- By year of the partition, or of the start: what counts, how far that was, and which details there are.
SELECT
    year,
    count(*) FILTER (counts) AS activities,
    round(coalesce({total_distance}, 0) / 1000, 1) AS kilometres,
    count(detail_id) AS details,
    count(*) FILTER (source = $source AND detail_source IS DISTINCT FROM $source) AS missing_details,
    count(*) FILTER (detail_source = $source AND fetched_at < edited_at) AS stale_details
FROM (
    SELECT
        CASE WHEN activity.start_date_local IS NULL OR activity.impossible IS NULL THEN year(activity.start_date_local) ELSE activity.year END AS year,
        activity.id AS activity_id,
        activity.counts,
        activity.source,
        activity.edited_at,
        counted.distance_m,
        detail.activity_id AS detail_id,
        detail.source AS detail_source,
        detail.fetched_at
    FROM activities AS activity
    LEFT JOIN activity_details AS detail ON detail.activity_id = activity.id
    LEFT JOIN counted_activities AS counted ON counted.activity_id = activity.id
)
GROUP BY year
ORDER BY year
