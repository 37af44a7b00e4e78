-- Write `activity_list` again: a row for each present activity. {{sums}}, {{computed}}, {{virtual}}: as in insights/activity_sums.sql.
DELETE FROM activity_list;

INSERT INTO activity_list BY NAME
WITH member AS (
    SELECT
        activity_id,
        list(DISTINCT member.source ORDER BY member.source) AS sources,
        arg_min(nullif(trim(said.extra ->> '$.locationName'), ''), member.place) FILTER (said.deleted_at IS NULL) AS said_place
    FROM activity_members AS member
    LEFT JOIN activities_all AS said ON said.id = member.id
    GROUP BY activity_id
),
whole AS (
    SELECT
        activities.* REPLACE ({sums}),
        member.sources,
        coalesce(activities.sport_type, type, extra ->> '$.sport') AS sport,
        coalesce(nullif(trim(location_city), ''), nullif(trim(extra ->> '$.locationName'), ''), member.said_place) AS said_place,
        coalesce({computed}, []) AS computed,
        CASE WHEN NOT starts_with(coalesce(sport, ''), '{virtual}') THEN start_latlng END AS place_of -- not of another world
    FROM activities
    LEFT JOIN computed_values AS track ON track.activity_id = activities.id
    LEFT JOIN member ON member.activity_id = activities.id
)
SELECT
    whole.id,
    whole.source,
    source_id,
    coalesce(sources, [whole.source]) AS sources,
    whole.name,
    sport AS sport_type,
    coalesce(sport_group, 'other') AS sport_group,
    start_date,
    coalesce(start_date_local, timezone('UTC', start_date)) AS start_date_local,
    CASE WHEN whole.distance BETWEEN 0 AND 4e7 THEN whole.distance END AS distance,
    moving_time,
    CASE WHEN elapsed_time BETWEEN 0 AND 1e9 THEN elapsed_time END AS elapsed_time,
    total_elevation_gain,
    average_speed,
    CASE WHEN average_heartrate BETWEEN 0 AND 300 THEN average_heartrate END AS average_heartrate,
    CASE WHEN average_watts BETWEEN 0 AND 1e4 THEN average_watts END AS average_watts,
    CASE WHEN suffer_score BETWEEN 0 AND 1e6 THEN suffer_score END AS suffer_score,
    gear_source,
    whole.gear_id,
    coalesce(thing.item, gear_source || ':' || whole.gear_id) AS gear_item,
    coalesce(thing.item_name, whole.gear_id) AS gear_name,
    commute,
    trainer,
    private,
    coalesce(visibility, CASE WHEN private THEN 'only_me' END) AS visibility,
    counts,
    coalesce(said_place, near_towns.town) AS place,
    list_concat(computed, CASE WHEN said_place IS NULL AND near_towns.town IS NOT NULL THEN ['place'] ELSE [] END) AS computed
FROM whole
LEFT JOIN sport_groups ON sport_groups.sport_type = sport
LEFT JOIN gear_items AS thing ON thing.source = gear_source AND thing.piece = whole.gear_id
LEFT JOIN near_towns
    ON near_towns.latitude_100 = TRY_CAST(round(place_of[1] * 100) AS INTEGER)
    AND near_towns.longitude_100 = TRY_CAST(round(place_of[2] * 100) AS INTEGER);
