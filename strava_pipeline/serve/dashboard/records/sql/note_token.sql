-- When a token was last used, and from where.
UPDATE dashboard_tokens SET used_at = :now, used_from = :client WHERE token_hash = :token_hash
