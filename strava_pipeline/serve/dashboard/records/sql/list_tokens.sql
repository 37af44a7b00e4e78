-- The tokens of an athlete, by name.
SELECT name, may, places, body, made_at, ends_at, used_at, used_from
FROM dashboard_tokens
WHERE athlete = :athlete
ORDER BY name
