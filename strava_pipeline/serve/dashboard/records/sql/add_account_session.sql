-- A browser has logged in as an account, which had this stamp when its password was checked.
INSERT INTO dashboard_sessions (token_hash, csrf_token, began_at, ends_at, stamp)
VALUES (:token_hash, :csrf_token, :now, :ends_at, :stamp)
