-- Everybody is logged out, for example after a new password.
DELETE FROM dashboard_sessions
