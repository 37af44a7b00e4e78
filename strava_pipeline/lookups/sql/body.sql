-- Days and nights from $first to $last, a row for each local day. `_low` and `_high`: the athlete's own usual range, which is the mean
-- ± the standard deviation of the 60 days that end with the day, from 14 values on; of variability, whose values are skewed, that of
-- their logarithms. `weight_kg_mean`: the mean of the 7 days that end with the day.
WITH measured AS (
    SELECT
        dates.day::DATE AS day,
        resting_heartrate, resting_heartrate_source,
        hrv_rmssd, hrv_rmssd_source, ln(hrv_rmssd) AS rmssd,
        hrv_sdnn, hrv_sdnn_source, ln(hrv_sdnn) AS sdnn,
        asleep_seconds, asleep_seconds_source, deep_seconds, light_seconds, rem_seconds,
        weight_kg, weight_kg_source
    FROM generate_series($first::DATE - 59, $last::DATE, INTERVAL 1 DAY) AS dates (day)
    LEFT JOIN days ON days.day = dates.day
    LEFT JOIN nights ON nights.day = dates.day
),
usual AS (
    SELECT
        *,
        if(count(resting_heartrate) OVER sixty >= 14, avg(resting_heartrate) OVER sixty, NULL) AS rest_mean,
        stddev_samp(resting_heartrate) OVER sixty AS rest_spread,
        if(count(rmssd) OVER sixty >= 14, avg(rmssd) OVER sixty, NULL) AS rmssd_mean,
        stddev_samp(rmssd) OVER sixty AS rmssd_spread,
        if(count(sdnn) OVER sixty >= 14, avg(sdnn) OVER sixty, NULL) AS sdnn_mean,
        stddev_samp(sdnn) OVER sixty AS sdnn_spread,
        round(avg(weight_kg) OVER (ORDER BY day ROWS 6 PRECEDING), 2) AS weight_kg_mean
    FROM measured
    WINDOW sixty AS (ORDER BY day ROWS 59 PRECEDING)
)
SELECT
    * EXCLUDE (rmssd, sdnn, rest_mean, rest_spread, rmssd_mean, rmssd_spread, sdnn_mean, sdnn_spread),
    round(rest_mean - rest_spread, 1) AS resting_heartrate_low,
    round(rest_mean + rest_spread, 1) AS resting_heartrate_high,
    round(exp(rmssd_mean - rmssd_spread), 1) AS hrv_rmssd_low,
    round(exp(rmssd_mean + rmssd_spread), 1) AS hrv_rmssd_high,
    round(exp(sdnn_mean - sdnn_spread), 1) AS hrv_sdnn_low,
    round(exp(sdnn_mean + sdnn_spread), 1) AS hrv_sdnn_high
FROM usual
WHERE day >= $first
ORDER BY day
