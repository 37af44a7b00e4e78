-- Where the activity $id stands among all of its athlete and group: its records and its best power (`power_60`, over 60 `seconds`) that are
-- among the $of_all best of all years or the $of_year best of its local year, of two at least. Equal ones share a place. What does
-- not count as a record has no place, nor does estimated power.
WITH mine AS (
    SELECT athlete_id, sport_group FROM counted_activities WHERE activity_id = $id
),
held AS (
    SELECT
        activity_id, local_year, record, NULL AS seconds, value, unit, at_most,
        CASE WHEN starts_with(record, 'fastest') THEN value ELSE -value END AS order_by
    FROM activity_bests SEMI JOIN mine USING (athlete_id, sport_group)
    WHERE counts
    UNION ALL
    SELECT activity_id, local_year, 'power_' || seconds, seconds, watts, 'W', false, -watts
    FROM activity_power SEMI JOIN mine USING (athlete_id, sport_group)
)
SELECT record, seconds, value, unit, local_year, place, among, place_of_year, among_of_year, is_of_all
FROM (
    SELECT
        *,
        rank() OVER (PARTITION BY record ORDER BY order_by) AS place,
        count(*) OVER (PARTITION BY record) AS among,
        rank() OVER (PARTITION BY record, local_year ORDER BY order_by) AS place_of_year,
        count(*) OVER (PARTITION BY record, local_year) AS among_of_year,
        place <= $of_all AND among > 1 AS is_of_all
    FROM held
)
WHERE activity_id = $id AND NOT at_most AND (is_of_all OR (place_of_year <= $of_year AND among_of_year > 1))
ORDER BY is_of_all DESC, CASE WHEN is_of_all THEN place ELSE place_of_year END, among DESC, record
