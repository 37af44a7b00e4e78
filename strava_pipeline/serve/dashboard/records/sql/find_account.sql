-- One account.
SELECT name, argon2, role, athlete, blocked, stamp FROM dashboard_accounts WHERE name = :name
