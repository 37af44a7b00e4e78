-- A link that logs a browser in, once.
INSERT INTO dashboard_links (token_hash, ends_at) VALUES (:token_hash, :ends_at)
