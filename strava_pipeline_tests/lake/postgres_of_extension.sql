-- Tables and rows as version 0.2 wrote them in November 2026 by DuckDB's extension: pg_dump's statements, without comments.
CREATE SCHEMA strava;
CREATE TABLE strava.activities_all (exported_for bigint NOT NULL, exported_year integer NOT NULL, id bigint NOT NULL,
    athlete_id bigint, source text, source_id text, account text, name text, sport_type text, type text, workout_type bigint,
    distance double precision, moving_time bigint, elapsed_time bigint, total_elevation_gain double precision, elev_high
    double precision, elev_low double precision, start_date timestamp with time zone, start_date_local timestamp without time
    zone, timezone text, utc_offset double precision, achievement_count bigint, kudos_count bigint, comment_count bigint,
    athlete_count bigint, photo_count bigint, total_photo_count bigint, pr_count bigint, average_speed double precision,
    max_speed double precision, average_cadence double precision, average_temp double precision, average_watts double
    precision, weighted_average_watts double precision, max_watts double precision, kilojoules double precision, device_watts
    boolean, has_heartrate boolean, average_heartrate double precision, max_heartrate double precision, heartrate_opt_out
    boolean, display_hide_heartrate_option boolean, suffer_score double precision, trainer boolean, commute boolean, manual
    boolean, private boolean, visibility text, flagged boolean, gear_id text, location_city text, location_state text,
    location_country text, start_latlng double precision[], end_latlng double precision[], start_latitude double precision,
    start_longitude double precision, map_id text, polyline text, summary_polyline text, upload_id bigint, upload_id_str text,
    external_id text, device_name text, guid text, from_accepted_tag boolean, has_kudoed boolean, resource_state integer,
    gear_source text, extra json, year integer, fingerprint text, content_hash text, ingestion_ts timestamp with time zone,
    edited_at timestamp with time zone, deleted_at timestamp with time zone);
CREATE TABLE strava.activity_splits_metric (exported_for bigint NOT NULL, exported_year integer NOT NULL, activity_id bigint
    NOT NULL, split_index integer NOT NULL, athlete_id bigint, source text, split integer, distance_m double precision,
    elapsed_time_seconds bigint, moving_time_seconds bigint, average_speed double precision, average_grade_adjusted_speed
    double precision, elevation_difference double precision, pace_zone integer, average_heartrate double precision, extra
    json);
CREATE TABLE strava.counted_activities (exported_for bigint, exported_year integer, activity_id bigint, athlete_id bigint,
    source text, name text, sport_type text, sport_group text, is_virtual boolean, on_day date, local_year integer,
    start_date_local timestamp without time zone, distance_m double precision, moving_time_seconds bigint, elapsed_time_seconds bigint, elevation_gain_m
    double precision, relative_effort double precision, training_stress double precision, max_speed double precision,
    weighted_average_watts double precision, computed text[], gear_source text, gear_id text);
CREATE TABLE strava.exported (exported_for bigint NOT NULL, table_name text NOT NULL, exported_year integer NOT NULL, rows
    bigint NOT NULL, content text NOT NULL, exported_at timestamp with time zone DEFAULT now() NOT NULL);
ALTER TABLE strava.activities_all ADD CONSTRAINT activities_all_pkey PRIMARY KEY (id, exported_for, exported_year);
ALTER TABLE strava.activity_splits_metric ADD CONSTRAINT activity_splits_metric_pkey PRIMARY KEY (activity_id, split_index,
    exported_for, exported_year);
ALTER TABLE strava.exported ADD CONSTRAINT exported_pkey PRIMARY KEY (exported_for, table_name, exported_year);
CREATE INDEX counted_activities_exported_for_exported_year_idx ON strava.counted_activities USING btree (exported_for,
    exported_year);
INSERT INTO strava.activities_all VALUES (77, 2019, -4611686018427387904, 77, 'strava', NULL, NULL, 'ab 🚴 ''quoted'' \',
    'Ride', NULL, NULL, 'Infinity', 3600, 4000, 150, NULL, NULL, '2019-05-04 10:00:00+00', '2019-05-04 10:00:00', NULL, NULL,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{}', '{52.5,NULL}', NULL, NULL, NULL, NULL, NULL,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{"b": 1,  "a": "\u0000"}', 2019, NULL, NULL, NULL, NULL, NULL);
INSERT INTO strava.activities_all VALUES (77, 2020, 1, 77, 'strava', NULL, NULL, 'Ride', 'Ride', NULL, NULL, 12345.6, 3600,
    4000, 150, NULL, NULL, '2020-05-04 10:00:00+00', '2020-05-04 10:00:00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    NULL, NULL, NULL, 2020, NULL, NULL, NULL, NULL, NULL);
INSERT INTO strava.activity_splits_metric VALUES (77, 2020, 1, 1, NULL, NULL, NULL, 1000, 300, NULL, NULL, NULL, NULL, NULL,
    NULL, NULL);
INSERT INTO strava.activity_splits_metric VALUES (77, 2020, 1, 2, NULL, NULL, NULL, 1000, 310, NULL, NULL, NULL, NULL, NULL,
    NULL, NULL);
INSERT INTO strava.counted_activities VALUES (77, 2019, -4611686018427387904, 77, 'strava', 'ab 🚴 ''quoted'' \', 'Ride',
    'ride', false, '2019-05-04', 2019, '2019-05-04 10:00:00', NULL, 3600, 4000, 150, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO strava.counted_activities VALUES (77, 2020, 1, 77, 'strava', 'Ride', 'Ride', 'ride', false, '2020-05-04', 2020,
    '2020-05-04 10:00:00', 12345.6, 3600, 4000, 150, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO strava.exported VALUES (77, 'activities_all', 2019, 1, '16752080902638126514', '2026-11-26 17:46:19.476932+00');
INSERT INTO strava.exported VALUES (77, 'counted_activities', 2019, 1, '14990218893825619035', '2026-11-26 17:46:19.476932+00');
INSERT INTO strava.exported VALUES (77, 'activities_all', 2020, 1, '7955927505957701035', '2026-11-26 17:46:19.487457+00');
INSERT INTO strava.exported VALUES (77, 'counted_activities', 2020, 1, '481421288510929513', '2026-11-26 17:46:19.487457+00');
INSERT INTO strava.exported VALUES (77, 'activity_splits_metric', 2020, 2, '14767752799898148667', '2026-11-26 17:46:19.487457+00');
