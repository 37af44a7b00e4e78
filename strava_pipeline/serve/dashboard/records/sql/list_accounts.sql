-- All accounts.
SELECT name, argon2, role, athlete, blocked, stamp FROM dashboard_accounts ORDER BY name
