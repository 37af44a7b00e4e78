-- What has ended is removed, by time or by a change of the account.
DELETE FROM dashboard_sessions
WHERE ends_at <= :now OR (stamp IS NOT NULL AND stamp NOT IN (SELECT stamp FROM dashboard_accounts))
