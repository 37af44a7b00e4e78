-- A browser has logged in.
INSERT INTO dashboard_sessions (token_hash, csrf_token, began_at, ends_at)
VALUES (:token_hash, :csrf_token, :now, :ends_at)
