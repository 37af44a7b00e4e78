-- What counts of a selection: a number over it, or its rows. {{columns}}: by the declaration; {{selected}}: as in lookups/activity_list.py.
SELECT
    {columns}
FROM counted_activities
LEFT JOIN (SELECT activity_id, load FROM activity_load) USING (activity_id)
WHERE athlete_id = $athlete_id AND activity_id IN (
    SELECT id FROM (
{selected}
    )
)
