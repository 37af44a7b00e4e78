-- When the client may try again.
SELECT open_at FROM dashboard_attempts WHERE client = :client
