-- What has ended is removed.
DELETE FROM dashboard_links WHERE ends_at <= :now
