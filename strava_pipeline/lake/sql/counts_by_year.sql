-- Published activities by year; of those that $source has, how many lack its detail, or have one from before an edit.
WITH known AS (
    SELECT
        coalesce(member.activity_id, said.id) AS activity_id,
        arg_min(said.id, coalesce(member.place, 0)) AS id,
        arg_min(said.edited_at, coalesce(member.place, 0)) AS edited_at
    FROM activities_all AS said
    LEFT JOIN activity_members AS member ON member.id = said.id
    WHERE said.source = $source AND said.deleted_at IS NULL
    GROUP BY ALL
)
SELECT
    activity.year,
    count(*) AS activities,
    round(coalesce(sum(activity.distance), 0) / 1000, 1) AS kilometres,
    count(shown.activity_id) AS details,
    count(*) FILTER (known.id IS NOT NULL AND detail.activity_id IS NULL) AS missing_details,
    count(*) FILTER (detail.fetched_at < known.edited_at) AS stale_details
FROM activities AS activity
LEFT JOIN activity_details AS shown ON shown.activity_id = activity.id
LEFT JOIN known ON known.activity_id = activity.id
LEFT JOIN activity_details_by_source AS detail ON detail.activity_id = known.id AND detail.source = $source
GROUP BY activity.year
ORDER BY activity.year
