-- With its new stamp all sessions of the account have ended.
UPDATE dashboard_accounts
SET argon2 = :argon2, role = :role, athlete = :athlete, blocked = :blocked, stamp = :stamp
WHERE name = :name
