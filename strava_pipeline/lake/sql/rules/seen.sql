-- The owner's present activities as sources and the person's own words have them, for rules to look at; rules.toml is the owner's.
-- What rules gave before is hidden by an empty temporary table `ruled`. {{asks_source}}: whether any rule does.
CREATE OR REPLACE TEMPORARY TABLE rule_seen AS
WITH owner AS (
{owner}),
member AS (
    SELECT activity_id, list(DISTINCT source) AS sources
    FROM activity_members
    WHERE {asks_source}
    GROUP BY activity_id
)
SELECT
    activities.id,
    coalesce(member.sources, [activities.source]) AS sources,
    lower(activities.device_name) AS device,
    coalesce(activities.sport_type, activities.type, activities.extra ->> '$.sport') AS sport,
    coalesce(sport_groups.sport_group, 'other') AS sport_group,
    activities.name,
    activities.start_latlng[1] AS latitude,
    activities.start_latlng[2] AS longitude,
    activities.start_date_local AS started_at,
    isodow(activities.start_date_local) AS weekday,
    CASE WHEN activities.has_time THEN activities.start_date_local::TIME END AS time_of_day,
    activities.distance,
    activities.sport_type,
    activities.gear_source || ':' || activities.gear_id AS gear,
    activities.gear_id IS NULL AS lacks_gear,
    activities.commute,
    activities.counts,
    coalesce(word.fields, []) AS said
FROM activities
JOIN owner ON coalesce(activities.athlete_id, owner.athlete_id) = owner.athlete_id
LEFT JOIN member ON member.activity_id = activities.id
LEFT JOIN corrections AS word ON word.activity_id = activities.id
LEFT JOIN sport_groups ON sport_groups.sport_type = coalesce(activities.sport_type, activities.type, activities.extra ->> '$.sport');

CREATE OR REPLACE TEMPORARY TABLE rule_matches (number INTEGER, activity_id BIGINT);

-- what each rule gives, a row per field, with its value in the column of the field and as a text
CREATE OR REPLACE TEMPORARY TABLE rule_fields (
    number INTEGER, rule VARCHAR, field VARCHAR, value VARCHAR,
    name VARCHAR, sport_type VARCHAR, gear_source VARCHAR, gear_id VARCHAR, commute BOOLEAN, tags VARCHAR[], counts BOOLEAN, heartrate_from VARCHAR
)
