-- What counts of a selection: a number over it, or its rows. {{columns}}, {{joined}}: by the declaration; {{selected}}: as in lookups/activity_list.py.
WITH chosen AS (
    SELECT *
    FROM counted_activities
    WHERE athlete_id = $athlete_id AND activity_id IN (
        SELECT id FROM (
{selected}
        )
    )
)
SELECT
    {columns}
FROM chosen{joined}
