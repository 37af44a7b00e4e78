-- By group and method, how many activities have a load from $first to $until, and what the newest of them went by.
SELECT
    sport_group,
    method,
    count(*) OVER (PARTITION BY sport_group, method) AS activities,
    COLUMNS('threshold|heartrate|is_assumed')
FROM activity_load
WHERE athlete_id = $athlete_id AND on_day BETWEEN $first AND $until
QUALIFY row_number() OVER (PARTITION BY sport_group, method ORDER BY on_day DESC, activity_id DESC) = 1
ORDER BY sum(load) OVER (PARTITION BY sport_group, method) DESC, sport_group
