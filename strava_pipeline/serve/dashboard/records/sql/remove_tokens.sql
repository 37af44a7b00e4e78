-- Remove a token of an athlete by its name, or all of them.
DELETE FROM dashboard_tokens WHERE athlete = :athlete AND (name = :name OR :is_all) RETURNING name
