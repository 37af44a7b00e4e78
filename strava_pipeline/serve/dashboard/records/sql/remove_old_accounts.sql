-- What somebody asked for and nobody let in is removed.
DELETE FROM dashboard_accounts
WHERE blocked AND athlete IS NULL AND role = 'athlete' AND began_at <= :now - :forgotten_after
