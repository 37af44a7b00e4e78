-- The columns and types that notebooks of the project strava-stats-msrvc read from their table gold.activities: instants are UTC without
-- a zone there, a missing sport_type is the deprecated type, and commute and manual are never NULL. The rows are those of `activities`
-- that count.
CREATE SCHEMA IF NOT EXISTS gold;

CREATE OR REPLACE VIEW gold.activities AS
SELECT
    id,
    name,
    coalesce(sport_type, type) AS sport_type,
    type,
    distance,
    moving_time,
    elapsed_time,
    total_elevation_gain,
    timezone('UTC', start_date) AS start_date,
    start_date_local,
    timezone,
    utc_offset,
    achievement_count,
    kudos_count,
    average_speed,
    max_speed,
    average_heartrate,
    max_heartrate,
    suffer_score,
    coalesce(commute, false) AS commute,
    coalesce(manual, false) AS manual,
    visibility,
    gear_id,
    location_city,
    location_state,
    location_country,
    map_id,
    polyline,
    summary_polyline,
    timezone('UTC', ingestion_ts) AS ingestion_ts
FROM main.activities
WHERE counts
