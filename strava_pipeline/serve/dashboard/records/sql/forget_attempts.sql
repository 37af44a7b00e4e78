-- A login succeeded: the client's failures count no longer.
DELETE FROM dashboard_attempts WHERE client = :client
