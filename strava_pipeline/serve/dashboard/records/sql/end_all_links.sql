-- No link logs in any more.
DELETE FROM dashboard_links
