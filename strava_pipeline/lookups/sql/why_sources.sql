-- What each source says of a number in the activity $activity, in the order of their priority; `leads`: by which rule the value counts, on the
-- row that it comes from. {said}, {word}: as in lookups/why.py; {column}: of `activity_list`.
WITH said AS (
    SELECT
        said.id,
        said.source,
        said.account,
        coalesce(member.place, 0) AS place,
        {said} AS value,
        said.ingestion_ts AS received_at,
        said.deleted_at,
        session.how
    FROM activity_sources AS said
    LEFT JOIN activity_members AS member ON member.id = said.id
    LEFT JOIN (
        SELECT activity_id, any_value({how}) AS how FROM activity_sessions GROUP BY activity_id
    ) AS session ON session.activity_id = said.id
    WHERE said.activity_id = $activity
)
SELECT
    said.*,
    CASE
        WHEN EXISTS (FROM corrections AS own WHERE activity_id = $activity AND ({word}) IS NOT NULL) THEN 'corrected'
        WHEN EXISTS (FROM cut_values WHERE activity_id = $activity) THEN 'cut'
        WHEN EXISTS (FROM activity_list WHERE id = $activity AND list_contains(computed, '{column}')) THEN 'computed'
        WHEN said.id = (SELECT arg_min(id, place) FROM said WHERE value IS NOT NULL AND deleted_at IS NULL) THEN 'first'
    END AS leads
FROM said
ORDER BY place, source, id
