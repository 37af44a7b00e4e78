-- The session of a cookie and its account, if neither has ended or changed since.
SELECT held.csrf_token, account.name, account.role, account.athlete
FROM dashboard_sessions AS held
INNER JOIN dashboard_accounts AS account ON account.stamp = held.stamp
WHERE held.token_hash = :token_hash AND held.ends_at > :now AND NOT account.blocked
