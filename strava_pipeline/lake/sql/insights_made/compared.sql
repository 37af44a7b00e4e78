-- What years came to straight from the activities; whose they are and when they were by the view of what counts. `rides`: the sports
-- that count as rides; `until`: up to which day.
SELECT
    coalesce(year(said.start_date_local), counted.local_year) AS number,
    count(*) AS activities,
    sum(said.distance) FILTER (said.distance BETWEEN 0 AND 4e7) AS distance_m,
    coalesce(list(said.id ORDER BY said.id) FILTER (list_contains($rides, coalesce(said.sport_type, said.type))), []) AS rides,
    sum(said.distance) FILTER (
        list_contains($rides, coalesce(said.sport_type, said.type)) AND said.distance BETWEEN 0 AND 4e7
    ) AS ridden_m
FROM activities AS said
JOIN counted_activities AS counted ON counted.activity_id = said.id
WHERE counted.athlete_id = $athlete_id AND counted.on_day <= $until
GROUP BY number
HAVING list_contains($years::BIGINT[], number)
