-- One row per activity: that of the best source, which the others fill in where it says nothing ({{others}}, {{filled}},
-- {{known_to_strava}}, {{of_strava}} and {{imported}} are made of core/sources.py). Whether it is gone is for the best source to say.
CREATE OR REPLACE VIEW activities AS
WITH others AS (
    SELECT
        member.activity_id,
        {others},
        arg_min(struct_pack(id := said.gear_id, source := said.gear_source), member.place)
            FILTER (said.gear_id IS NOT NULL) AS gear,
        arg_min(struct_pack(id := said.gear_id, source := said.gear_source), member.place)
            FILTER (said.gear_id IS NOT NULL AND said.source NOT IN ({imported})) AS gear_of_services
    FROM activity_members AS member
    JOIN activities_all AS said ON said.id = member.id
    WHERE member.place > 0 AND said.deleted_at IS NULL
    GROUP BY member.activity_id
)
SELECT head.* EXCLUDE (deleted_at) REPLACE (
    {filled},
    {known_to_strava},
    CASE WHEN head.gear_id IS NOT NULL THEN head.gear_id
        WHEN head.source IN ({of_strava}) THEN others.gear_of_services.id ELSE others.gear.id END AS gear_id,
    CASE WHEN head.gear_id IS NOT NULL THEN head.gear_source
        WHEN head.source IN ({of_strava}) THEN others.gear_of_services.source ELSE others.gear.source END AS gear_source,
    -- a file's clock may be off by hours where its place tells the right zone
    coalesce(
        -- without a start it is a day alone, whose time another source may know
        CASE WHEN head.start_date IS NOT NULL OR others.start_date IS NULL THEN head.start_date_local END,
        timezone('UTC', coalesce(head.start_date, others.start_date)) + to_seconds(coalesce(head.utc_offset, others.utc_offset)),
        head.start_date_local
    ) AS start_date_local,
    CASE WHEN head.average_heartrate IS NULL AND others.average_heartrate IS NOT NULL THEN true ELSE head.has_heartrate END
        AS has_heartrate
)
FROM activities_all AS head
LEFT JOIN others ON others.activity_id = head.id
WHERE head.deleted_at IS NULL AND head.id NOT IN (SELECT id FROM activity_members WHERE place > 0);

CREATE OR REPLACE VIEW deleted_activities AS
SELECT * FROM activities_all
WHERE deleted_at IS NOT NULL AND id NOT IN (SELECT id FROM activity_members WHERE place > 0);

-- What every source says, a row each; activity_id: the activity that it is.
CREATE OR REPLACE VIEW activity_sources AS
SELECT coalesce(member.activity_id, said.id) AS activity_id, said.*
FROM (
    SELECT * FROM activities_all WHERE source NOT IN ({imported})
    UNION ALL BY NAME
    SELECT * FROM imported_activities
) AS said
LEFT JOIN activity_members AS member ON member.id = said.id;
