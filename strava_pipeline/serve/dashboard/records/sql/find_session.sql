-- The session of a cookie, if it has not ended. Those of accounts are another dashboard's, where databases are shared.
SELECT csrf_token FROM dashboard_sessions WHERE token_hash = :token_hash AND ends_at > :now AND stamp IS NULL
