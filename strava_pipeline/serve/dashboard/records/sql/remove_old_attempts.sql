-- Failures that count no longer are removed.
DELETE FROM dashboard_attempts WHERE last_at <= :now - :forgotten_after
