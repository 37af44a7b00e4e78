-- Whose totals are shown: the login's if there is an activity of it, else who has most (as insights_made/athlete). Part of other statements.
SELECT athlete_id
FROM counted_activities
GROUP BY athlete_id
ORDER BY coalesce(athlete_id = (SELECT arg_max(athlete_id, fetched_at) FROM athlete), false) DESC, count(*) DESC, athlete_id
LIMIT 1
