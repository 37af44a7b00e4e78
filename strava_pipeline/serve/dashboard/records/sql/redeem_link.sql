-- The link is used up. One row: it was there and had not ended.
DELETE FROM dashboard_links WHERE token_hash = :token_hash AND ends_at > :now RETURNING token_hash
