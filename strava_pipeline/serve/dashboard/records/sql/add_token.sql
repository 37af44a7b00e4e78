-- A new token. No row: the athlete has one of this name.
INSERT INTO dashboard_tokens (token_hash, csrf_token, athlete, name, account, may, places, body, made_at, ends_at)
VALUES (:token_hash, :csrf_token, :athlete, :name, :account, :may, :places, :body, :now, :ends_at)
ON CONFLICT (athlete, name) DO NOTHING
RETURNING name
