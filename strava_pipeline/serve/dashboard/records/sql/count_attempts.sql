-- How many attempts failed that were counted under a name, and when the last one did.
SELECT failures, last_at FROM dashboard_attempts WHERE client = :client
