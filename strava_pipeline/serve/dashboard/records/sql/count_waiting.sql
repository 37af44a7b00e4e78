-- How many asked for an account and wait.
SELECT count(*) AS waiting FROM dashboard_accounts WHERE blocked AND athlete IS NULL
