-- Whose login this is, or who has most activities; 0: nobody has said. Part of other statements.
SELECT coalesce(
    (SELECT arg_max(athlete_id, fetched_at) FROM athlete),
    (
        SELECT athlete_id
        FROM activities
        WHERE athlete_id IS NOT NULL
        GROUP BY athlete_id
        ORDER BY count(*) DESC, athlete_id
        LIMIT 1
    ),
    0
) AS athlete_id
