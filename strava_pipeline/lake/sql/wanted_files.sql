-- Every present activity of $source and $account in $years that was recorded, counts in totals and has no track, newest first
-- (a leg's recording is in the file of its whole activity); and what this source has twice, as two devices recorded it. $tracked: ids
-- under which a track is known, of whatever source.
WITH twice AS (
    SELECT member.activity_id
    FROM activity_members AS member
    JOIN activities_all AS said ON said.id = member.id
    WHERE said.source = $source AND said.account IS NOT DISTINCT FROM $account AND said.deleted_at IS NULL
    GROUP BY member.activity_id
    HAVING count(*) > 1
),
tracked AS (
    SELECT coalesce(member.activity_id, known.id) AS activity_id
    FROM (SELECT unnest($tracked::BIGINT[]) AS id) AS known
    LEFT JOIN activity_members AS member ON member.id = known.id
)
SELECT activity.id, activity.source_id, activity.year
FROM activities_all AS activity
LEFT JOIN activity_members AS member ON member.id = activity.id
WHERE activity.source = $source
  AND activity.account IS NOT DISTINCT FROM $account
  AND activity.source_id IS NOT NULL
  AND activity.deleted_at IS NULL
  AND coalesce(member.activity_id, activity.id) NOT IN (SELECT activity_id FROM corrections WHERE deleted) -- by a person, here
  AND activity.manual IS NOT TRUE
  AND (activity.extra ->> '$.not_counted') IS NULL
  AND activity.year IN (SELECT unnest($years::BIGINT[]))
  AND (
      coalesce(member.activity_id, activity.id) NOT IN (SELECT activity_id FROM tracked)
      OR (member.activity_id IN (SELECT activity_id FROM twice) AND NOT list_contains($tracked::BIGINT[], activity.id))
  )
ORDER BY activity.start_date DESC NULLS LAST, activity.id DESC
