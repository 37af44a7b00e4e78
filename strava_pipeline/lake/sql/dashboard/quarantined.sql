-- How many activities of each source are in quarantine, without those that a person dropped or that are gone there.
SELECT quarantine.source, count(*)::BIGINT AS activities
FROM quarantine
JOIN activities_all ON activities_all.id = quarantine.activity_id AND activities_all.source = quarantine.source
WHERE quarantine.dropped_at IS NULL AND activities_all.deleted_at IS NULL
GROUP BY quarantine.source
ORDER BY quarantine.source
