-- Every present activity of $years that was recorded, not typed in, newest first: it may have streams. Where one stands for
-- several, it alone, unless it was typed in. With when a listing first showed that it was cut or mended since, NULL where none did. Moments are in UTC
-- and bare. `sports`: only these; NULL: all.
SELECT activity.id, activity.year, recut.at AT TIME ZONE 'UTC'
FROM activities_all AS activity
LEFT JOIN (
    SELECT activity_id, max(valid_from) AS at
    FROM activity_history
    WHERE list_has_any(changed_fields, ['distance', 'elapsed_time', 'moving_time'])
    GROUP BY activity_id
) AS recut ON recut.activity_id = activity.id
WHERE activity.deleted_at IS NULL
  AND activity.id NOT IN (SELECT activity_id FROM corrections WHERE deleted) -- by a person, here
  AND activity.source = $source
  AND activity.manual IS NOT TRUE
  AND activity.id NOT IN (
    SELECT member.id
    FROM activity_members AS member
    JOIN activities_all AS head ON head.id = member.activity_id
    WHERE member.place > 0 AND head.manual IS NOT TRUE
  )
  AND activity.year IN (SELECT unnest($years))
  AND ($sports::VARCHAR[] IS NULL OR list_contains($sports::VARCHAR[], coalesce(activity.sport_type, activity.type)))
ORDER BY activity.start_date DESC NULLS LAST, activity.id DESC
