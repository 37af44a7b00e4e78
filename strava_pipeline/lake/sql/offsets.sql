-- Rows whose clock on the wall does not stand where their offset says, or where no zone of the earth is: -12 to +14 hours.
-- Strava's `start_date_local` is wall-clock time; what it differs from `start_date` by is the true offset.
SELECT count(*) AS "hard_to_believe/offsets"
FROM (
    SELECT epoch(start_date_local - (start_date AT TIME ZONE 'UTC')) AS seconds, utc_offset
    FROM {table}
    WHERE start_date_local IS NOT NULL AND start_date IS NOT NULL
)
WHERE seconds NOT BETWEEN -12 * 3600 AND 14 * 3600 OR abs(seconds - utc_offset) >= 1
