-- A new account. No row: the name is taken.
INSERT INTO dashboard_accounts (name, argon2, role, athlete, blocked, stamp, began_at)
VALUES (:name, :argon2, :role, :athlete, :blocked, :stamp, :now)
ON CONFLICT (name) DO NOTHING
RETURNING name
