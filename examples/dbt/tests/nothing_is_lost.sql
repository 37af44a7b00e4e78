-- Every counted activity is in one weekday of its sport: the difference has to be empty.
SELECT counted.activities, shown.activities AS in_weekdays
FROM (SELECT count(*) AS activities FROM {{ source('strava', 'counted_activities') }} WHERE on_day IS NOT NULL) AS counted
CROSS JOIN (SELECT sum(activities) AS activities FROM {{ ref('weekdays') }}) AS shown
WHERE counted.activities <> coalesce(shown.activities, 0)
