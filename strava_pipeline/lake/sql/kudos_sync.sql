-- Details never show fewer kudos than the listing does. Raise only. $years: list of partitions.
UPDATE activity_details
SET kudos_count = listed.kudos_count
FROM activities_all AS listed
WHERE listed.id = activity_details.activity_id
  AND listed.year IN (SELECT unnest($years))
  AND listed.kudos_count > coalesce(activity_details.kudos_count, -1)
