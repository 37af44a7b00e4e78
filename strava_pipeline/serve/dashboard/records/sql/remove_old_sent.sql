-- Files that were sent before, of which nobody asks any more.
DELETE FROM dashboard_sent WHERE sent_at < :before
