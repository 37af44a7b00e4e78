-- The pictures on disk that archives name for an activity: by their names, which in an archive within a folder have that before them.
WITH named AS (
    SELECT DISTINCT unnest(from_json(extra -> '$.archive.media', '["VARCHAR"]')) AS name
    FROM activity_sources
    WHERE activity_id = $id AND (extra -> '$.archive.media') IS NOT NULL
)
SELECT DISTINCT files.sha256, files.name, files.size
FROM files
JOIN named ON len(list_filter(files.names, lambda each: each = named.name OR ends_with(each, '/' || named.name))) > 0
WHERE files.role = 'media'
ORDER BY files.name
