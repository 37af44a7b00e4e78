-- What has ended is removed.
DELETE FROM dashboard_sessions WHERE ends_at <= :now
