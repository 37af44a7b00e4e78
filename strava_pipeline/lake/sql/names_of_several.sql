-- The rows of activities that have several names, with what tells whether a service gave one by itself: the places that sources name,
-- the nearest town, the city of the time zone.
WITH said AS (
    SELECT
        member.activity_id,
        said.id,
        said.source,
        said.name,
        coalesce(said.location_city, said.extra ->> '$.locationName') AS place,
        near_towns.town,
        replace(split_part(said.timezone, '/', -1), '_', ' ') AS city
    FROM activity_members AS member
    JOIN activities_all AS said ON said.id = member.id
    LEFT JOIN near_towns
        ON near_towns.latitude_100 = TRY_CAST(round(said.start_latlng[1] * 100) AS INTEGER)
        AND near_towns.longitude_100 = TRY_CAST(round(said.start_latlng[2] * 100) AS INTEGER)
    WHERE said.deleted_at IS NULL AND trim(said.name) <> ''
),
of_one AS (
    SELECT
        activity_id,
        list(DISTINCT place ORDER BY place) FILTER (place IS NOT NULL) AS places,
        list_concat(
            list(DISTINCT town ORDER BY town) FILTER (town IS NOT NULL),
            list(DISTINCT city ORDER BY city) FILTER (city IS NOT NULL)
        ) AS towns
    FROM said
    GROUP BY activity_id
    HAVING min(name) <> max(name)
)
SELECT id, source, name, place, places, towns
FROM said
JOIN of_one USING (activity_id)
ORDER BY id
