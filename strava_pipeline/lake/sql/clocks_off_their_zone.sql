-- The rows whose clock was worked out here, from a file or an archive, and does not show what their zone's did at the start.
-- What another service's list says of its own clock is that service's word.
SELECT names.name, start_date, start_date_local
FROM {table}
JOIN pg_timezone_names() AS names ON names.name = string_split(timezone, ' ')[-1]
WHERE source IN ('file', 'strava_archive') AND extra ->> '$.service_row' IS NULL
    AND abs(epoch(start_date_local - timezone(names.name, start_date))) >= 1
