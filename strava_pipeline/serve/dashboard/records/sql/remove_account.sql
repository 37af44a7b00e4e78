-- An account and, with its stamp, its sessions.
DELETE FROM dashboard_accounts WHERE name = :name
