-- A file that was sent. Sent again because its request failed, it has another request.
INSERT INTO dashboard_sent (token_hash, file_id, name, request_id, sent_at)
VALUES (:token_hash, :file_id, :name, :request_id, :now)
ON CONFLICT (token_hash, file_id) DO UPDATE SET name = :name, request_id = :request_id, sent_at = :now
