-- What a person said of each activity, or else what the rules give it.
CREATE OR REPLACE VIEW own_values AS
SELECT
    activity_id,
    coalesce(word.name, ruled.name) AS name,
    coalesce(word.sport_type, ruled.sport_type) AS sport_type,
    coalesce(word.gear_source, ruled.gear_source) AS gear_source,
    coalesce(word.gear_id, ruled.gear_id) AS gear_id,
    coalesce(word.commute, ruled.commute) AS commute,
    coalesce(word.counts, ruled.counts) AS counts,
    coalesce(word.tags, ruled.tags) AS tags,
    word.note,
    word.description,
    word.distance,
    word.moving_time,
    word.elapsed_time,
    word.cuts,
    word.deleted
FROM corrections AS word
FULL JOIN ruled USING (activity_id);

-- One row per activity: that of the best source, which the others fill in where it says nothing ({{filling}}, {{filled}} and
-- {{imported}} are made of core/sources.py). Name and gear are those of the first source that gives any, in the order that a note
-- has, names that a person wrote first; gear that is a text stands in lower case (`gear_items`);
-- a person's own word or rule (`own_values`) is before all of them, and what a person left of a track (`cut_values`) before any
-- source. Whether it is gone is for the best source to say, or a person. `has_time`: whether start_date_local is a moment: no day
-- alone, nothing hidden, no noon of a sheet. `counts`: false for drives, and legs of what counts as a whole, by a source's word or by
-- matching, for what waits until a person says whether it is one with another that counts, and for what can't be (`impossible`:
-- core/tables/activities.py). A local start that no source tells is the one that each publish assumes.
CREATE OR REPLACE VIEW activities AS
WITH member AS (
    SELECT
        *,
        -- a number, as structures of two take longer to compare; no activity has 1000 places
        1000 * coalesce(list_position((SELECT from_json(value, '["VARCHAR"]') FROM lake_meta WHERE key = 'told:naming'), source), 1000) + place AS naming
    FROM activity_members
),
matched AS (
    SELECT
        member.activity_id,
        {filling},
        arg_min({said_time}, member.place) FILTER (said.start_date IS NOT NULL) AS has_time,
        bool_or(lower(coalesce(said.sport_type, said.type, said.extra ->> '$.sport')) IN ({drives})) AS is_drive,
        -- a name that a service gives by itself ("Morning Ride") counts where nobody wrote one
        arg_min(said.name, member.naming + CASE WHEN said.id IN (FROM default_names) THEN 1000000000 ELSE 0 END) FILTER (trim(said.name) <> '') AS name,
        -- an import's gear is older than what the API says, also where that is nothing
        arg_min(struct_pack(id := {said_gear}, source := coalesce(said.gear_source, said.source)), member.naming)
            FILTER ({said_gear} IS NOT NULL AND (said.source NOT IN ({imported}) OR member.place = 0)) AS gear
    FROM member
    JOIN activities_all AS said ON said.id = member.id
    WHERE said.deleted_at IS NULL
    GROUP BY member.activity_id
),
present AS (
SELECT head.* EXCLUDE (deleted_at) REPLACE (
    {filled},
    coalesce(word.name, matched.name, head.name) AS name,
    coalesce(
        -- a source that shows no gear has it as a text
        CASE WHEN word.gear_source IN (SELECT source FROM gear) THEN word.gear_id ELSE lower(nfc_normalize(trim(word.gear_id))) END,
        matched.gear.id,
        {head_gear}
    ) AS gear_id,
    coalesce(word.gear_source, matched.gear.source, CASE WHEN {head_gear} IS NOT NULL THEN coalesce(head.gear_source, head.source) END) AS gear_source,
    coalesce(word.commute, head.commute) AS commute,
    -- a file's clock may be off by hours where its place tells the right zone
    coalesce(
        -- without a start it is a day alone, whose time another source may know
        CASE WHEN head.start_date IS NOT NULL OR matched.start_date IS NULL THEN head.start_date_local END,
        timezone('UTC', coalesce(head.start_date, matched.start_date)) + to_seconds(coalesce(head.utc_offset, matched.utc_offset)),
        head.start_date_local,
        assumed.start_date_local
    ) + CASE WHEN {later} AND coalesce(head.start_date, matched.start_date) IS NOT NULL THEN cut.begins_at - coalesce(head.start_date, matched.start_date) ELSE INTERVAL 0 SECONDS END AS start_date_local,
    CASE WHEN cut.activity_id IS NULL THEN head.suffer_score END AS suffer_score,
    CASE WHEN head.average_heartrate IS NULL AND matched.average_heartrate IS NOT NULL THEN true ELSE head.has_heartrate END
        AS has_heartrate
),
(head.extra ->> '$.not_counted') IS NULL
AND part.part_id IS NULL
AND (waiting.waiting_id IS NULL OR coalesce(word.counts, false))
AND coalesce(word.counts, true)
AND lower(CASE WHEN word.sport_type IS NOT NULL THEN word.sport_type WHEN head.sport_type IS NULL THEN coalesce(head.type, head.extra ->> '$.sport', '') ELSE head.sport_type END) NOT IN ({drives})
-- a service that has no word for a drive calls it a workout
AND NOT (coalesce(word.sport_type, head.sport_type, '{unspecified}') = '{unspecified}' AND coalesce(matched.is_drive, false)) AS counts,
CASE WHEN head.start_date IS NULL THEN coalesce(matched.has_time, false) ELSE {head_time} END AS has_time
FROM activities_all AS head
LEFT JOIN own_values AS word ON word.activity_id = head.id
LEFT JOIN cut_values AS cut ON cut.activity_id = head.id
LEFT JOIN matched ON matched.activity_id = head.id
LEFT JOIN (SELECT DISTINCT part_id FROM activity_matches) AS part ON part.part_id = head.id
LEFT JOIN (
    SELECT DISTINCT waiting_id
    FROM (FROM activity_matches WHERE waiting_id IS NOT NULL)
    JOIN (SELECT *, CASE {impossible} END AS impossible FROM activities_all) AS counted ON counted.id = counted_id
    LEFT JOIN own_values AS own ON own.activity_id = counted_id
    WHERE
        own.deleted IS NULL
        AND coalesce(own.counts, true)
        AND (counted.extra ->> '$.not_counted') IS NULL
        AND lower(coalesce(own.sport_type, counted.sport_type, counted.type, '')) NOT IN ({drives})
        AND counted.impossible IS NULL
) AS waiting ON waiting.waiting_id = head.id
LEFT JOIN assumed_starts AS assumed ON assumed.activity_id = head.id
WHERE head.deleted_at IS NULL AND word.deleted IS NULL AND head.id NOT IN (SELECT id FROM activity_members WHERE place > 0)
)
SELECT * REPLACE (counts AND impossible IS NULL AS counts)
FROM (SELECT *, CASE {impossible} END AS impossible FROM present);

CREATE OR REPLACE VIEW deleted_activities AS
SELECT *, false AS counts, NULL::VARCHAR AS impossible FROM activities_all
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
