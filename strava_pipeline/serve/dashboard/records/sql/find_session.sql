-- The session of a cookie, if it has not ended.
SELECT csrf_token FROM dashboard_sessions WHERE token_hash = :token_hash AND ends_at > :now
