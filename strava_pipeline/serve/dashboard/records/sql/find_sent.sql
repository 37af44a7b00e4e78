-- A file that a token, or a session, sent.
SELECT name, request_id FROM dashboard_sent WHERE token_hash = :token_hash AND file_id = :file_id
