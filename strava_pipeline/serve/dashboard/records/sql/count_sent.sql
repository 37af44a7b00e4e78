-- How many files a token sent since then.
SELECT count(*) AS files FROM dashboard_sent WHERE token_hash = :token_hash AND sent_at > :since
