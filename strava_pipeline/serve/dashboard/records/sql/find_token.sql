-- The token of this hash, if it has not ended. One that an account made holds while that account, not blocked, sees the athlete.
SELECT token_hash, csrf_token, athlete, name, may, places, body, used_at, used_from
FROM dashboard_tokens AS held
WHERE
    token_hash = :token_hash
    AND (ends_at IS NULL OR ends_at > :now)
    AND (
        account IS NULL
        OR EXISTS (
            SELECT 1 FROM dashboard_accounts AS maker
            WHERE
                maker.name = held.account
                AND maker.athlete = held.athlete
                AND maker.began_at <= held.made_at
                AND NOT maker.blocked
        )
    )
