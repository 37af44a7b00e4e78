-- An attempt is counted as failed before it is examined, so that attempts at the same moment can't pass together. No row: the client
-- has to wait. From a number of failures on, each further one costs 10 seconds more, 300 at most; a later end was noted while the clock was
-- ahead. Old failures are forgotten.
INSERT INTO dashboard_attempts AS known (client, failures, last_at, open_at)
VALUES (:client, 1, :now, :now)
ON CONFLICT (client) DO UPDATE SET
    failures = CASE WHEN :now >= known.last_at + :forgotten_after THEN 1 ELSE known.failures + 1 END,
    last_at = :now,
    open_at = :now + CASE
        WHEN :now >= known.last_at + :forgotten_after OR known.failures + 1 < :free THEN 0
        WHEN known.failures + 1 >= :free + 29 THEN 300
        ELSE 10 * (known.failures + 2 - :free)
    END
WHERE known.open_at NOT BETWEEN :now + 1 AND :now + 300 OR :now >= known.last_at + :forgotten_after
RETURNING failures
