-- What is known of every activity for telling which are one: columns as in core/matching/candidates.py. A file whose clock
-- is known to be wrong tells no start, and one whose clock leaps by more than rules.LONGEST no length.
WITH called AS (
    SELECT content, list(DISTINCT name ORDER BY name) AS names
    FROM (SELECT content, unnest(names) AS name FROM files WHERE content IS NOT NULL)
    GROUP BY content
),
filed AS (
    SELECT
        said.id,
        list(DISTINCT files.content ORDER BY files.content) AS contents,
        flatten(list(DISTINCT called.names ORDER BY called.names)) AS names,
        min(files.format) AS format,
        bool_or(list_contains(files.flags, 'wrong_clock')) AS wrong_clock,
        bool_or(list_contains(files.flags, 'clock_leap')) AS clock_leap
    FROM imported_activities AS said
    JOIN files ON files.sha256 = (said.extra ->> '$.file.sha256')
    JOIN called ON called.content = files.content
    GROUP BY said.id
)
SELECT
    said.id,
    said.athlete_id,
    said.source,
    -- a name that a person changes is no reason to judge everything again
    CASE WHEN coalesce(said.elapsed_time, 0) = 0 AND coalesce(said.distance, 0) = 0 THEN said.name END AS title,
    said.sport_type,
    said.trainer,
    CASE
        WHEN NOT {has_time} AND said.start_date_local::TIME <> TIME '12:00:00' THEN NULL -- a noon may be one
        WHEN said.source <> 'file' OR filed.wrong_clock IS NOT TRUE THEN epoch(said.start_date)
    END AS start,
    -- a file's clock may be off by hours
    CASE WHEN said.source <> 'file' THEN said.start_date_local::DATE END AS day,
    CASE WHEN {has_time} OR said.start_date_local::TIME = TIME '12:00:00' THEN epoch(said.start_date_local) END AS local_start,
    CASE
        WHEN said.source <> 'file' OR filed.clock_leap IS NOT TRUE OR said.elapsed_time <= 8 * 86400
            THEN said.elapsed_time::DOUBLE
    END AS elapsed,
    said.moving_time::DOUBLE AS moving,
    said.distance,
    CASE WHEN said.start_latlng <> [0.0, 0.0] THEN said.start_latlng[1] END AS start_lat,
    CASE WHEN said.start_latlng <> [0.0, 0.0] THEN said.start_latlng[2] END AS start_lng,
    CASE WHEN said.end_latlng <> [0.0, 0.0] THEN said.end_latlng[1] END AS end_lat,
    CASE WHEN said.end_latlng <> [0.0, 0.0] THEN said.end_latlng[2] END AS end_lng,
    said.average_heartrate AS heartrate,
    said.max_heartrate,
    (said.start_latlng IS NOT NULL)::INT + (said.average_heartrate IS NOT NULL)::INT + (said.average_watts IS NOT NULL)::INT
        + (said.average_cadence IS NOT NULL)::INT AS quantities,
    said.upload_id,
    CASE WHEN said.source <> 'file' THEN said.external_id END AS external_id,
    CASE WHEN said.source = 'file' THEN filed.names END AS file_names,
    filed.contents,
    filed.format,
    said.source_id,
    -- only rows of providers have an account; a file's row has the links of the list that names it
    CASE WHEN said.account IS NOT NULL OR said.source = 'file' THEN list_transform(
        map_entries(TRY_CAST(said.extra -> '$.links' AS MAP(VARCHAR, VARCHAR))),
        lambda linked: linked.key || ':' || linked.value
    ) END AS links,
    said.deleted_at IS NOT NULL AS deleted,
    coalesce(said.manual, false) AS by_hand,
    {has_time} AS has_time,
    CASE WHEN said.source = 'file'
        THEN nullif(regexp_extract(coalesce(said.extra ->> '$.service_row', said.source_id), '^([a-z_]+):', 1), '') END AS listed_by,
    (said.extra ->> '$.not_counted') IS NOT NULL AS not_counted
FROM activities_all AS said
LEFT JOIN filed ON filed.id = said.id
