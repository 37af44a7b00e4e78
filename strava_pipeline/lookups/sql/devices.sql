-- Every device or program that a source names, with its activities, the one of the newest first. A name with and without its maker is one.
SELECT
    arg_max(trim(said.device_name), length(trim(said.device_name))) AS device_name,
    count(DISTINCT said.activity_id) AS activities,
    min(coalesce(whole.start_date_local, said.start_date_local))::DATE AS first_day,
    max(coalesce(whole.start_date_local, said.start_date_local))::DATE AS last_day
FROM activity_sources AS said
LEFT JOIN activities AS whole ON whole.id = said.activity_id
WHERE trim(said.device_name) <> '' AND said.deleted_at IS NULL AND whole.impossible IS NULL
GROUP BY regexp_replace(lower(strip_accents(trim(said.device_name))), '^(garmin|wahoo|polar|suunto|coros|hammerhead|bryton|apple|samsung) ', '')
ORDER BY last_day DESC, activities DESC, 1
