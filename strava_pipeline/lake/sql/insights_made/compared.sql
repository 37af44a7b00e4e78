-- What years came to straight from the activities; whose they are and when they were by the view of what counts. `sports`: those
-- that the two files count, '' for an activity without a sport; `until`: up to which day.
SELECT
    coalesce(year(said.start_date_local), counted.local_year) AS number,
    count(*) AS activities,
    sum(said.distance) FILTER (said.distance BETWEEN 0 AND 4e7) AS distance_m,
    coalesce(list(said.id ORDER BY said.id) FILTER (
        list_contains($sports::VARCHAR[], coalesce(said.sport_type, said.type, ''))
    ), []) AS ids,
    sum(said.distance) FILTER (
        list_contains($sports::VARCHAR[], coalesce(said.sport_type, said.type, '')) AND said.distance BETWEEN 0 AND 4e7
    ) AS of_sports_m
FROM activities AS said
JOIN counted_activities AS counted ON counted.activity_id = said.id
WHERE counted.athlete_id = $athlete_id AND counted.on_day <= $until
GROUP BY number
HAVING list_contains($years::BIGINT[], number)
