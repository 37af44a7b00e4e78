-- Write `activity_load` and `training_zones` again, after `activity_bests`: the load of each activity, 100 an hour at threshold, by the best
-- method that it allows, and the zones that follow from the same thresholds.
-- Power: Allen, Coggan: Training and Racing with a Power Meter, 2nd ed. 2010, ch. 7. Pace: the same of speeds (McGregor's rTSS), of the
-- mean speed in motion, whatever the slope. Heart rate: Banister, Modeling elite athletic performance, 1991, with the exponent of his men
-- for all, as multiples of an hour at threshold. Estimates: TrainingPeaks, How to Calculate Threshold Power, Heart Rate, or Pace.
CREATE OR REPLACE TEMP TABLE known_thresholds AS
WITH paced AS (
    SELECT activity_id, min(bests.value / lengths.distance_m) * 1000 AS pace
    FROM activity_bests AS bests
    JOIN standard_distances AS lengths USING (record)
    WHERE bests.sport_group = 'run' AND bests.counts AND bests.value >= 1800
    GROUP BY activity_id
),
tracked AS (
    SELECT
        activity_id,
        max(value) FILTER (measure = 'watts' AND width = 1200) AS watts,
        max(value) FILTER (measure = 'heartrate' AND width = 1200) AS beats,
        max(value) FILTER (measure = 'heartrate' AND width = 60) AS highest
    FROM track_bests
    WHERE measure <> 'pace'
    GROUP BY activity_id
),
-- what estimates are made of. A mean heart rate over 20 minutes or more is no more than that of the best 20 of them; the highest that a
-- source says stands in for the highest minute where there is no track
tried AS (
    SELECT
        counted.activity_id, counted.athlete_id, counted.sport_group, counted.on_day, counted.moving_time_seconds, counted.relative_effort,
        coalesce(nullif(moving_time_seconds, 0), counted.elapsed_time_seconds)::DOUBLE AS seconds,
        CASE -- of what nobody made by themselves none
            WHEN activities.device_watts IS NOT false AND counted.activity_id NOT IN (SELECT activity_id FROM too_fast_activities)
                THEN counted.weighted_average_watts
        END AS normalised,
        CASE
            -- no distance is known of others, or they are too fast (`too_fast_activities`)
            WHEN counted.sport_group = 'run' AND counted.activity_id IN (SELECT activity_id FROM activity_bests WHERE record = 'longest_distance')
                THEN moving_time_seconds / distance_m * 1000
        END AS mean_pace,
        CASE WHEN activities.average_heartrate BETWEEN 20 AND 250 THEN activities.average_heartrate END AS mean_beats,
        if(activities.device_watts IS NOT false, tracked.watts, NULL) AS best_watts,
        paced.pace AS best_pace,
        greatest(tracked.beats, CASE WHEN seconds >= 1200 THEN mean_beats END) AS best_beats,
        coalesce(tracked.highest, CASE WHEN activities.max_heartrate <= 250 THEN activities.max_heartrate END, mean_beats) AS highest,
        dismissed.activity_id IS NULL AS is_best
    FROM counted_activities AS counted
    JOIN activities ON activities.id = counted.activity_id
    LEFT JOIN tracked USING (activity_id)
    LEFT JOIN paced USING (activity_id)
    LEFT JOIN dismissed_bests AS dismissed USING (activity_id)
    WHERE counted.on_day IS NOT NULL
),
-- heart rates are of all groups: in a group of walks alone, a threshold would be that of a walk. Power of 30 W, and half an hour at
-- 2:30/km, are nobody's best
lately AS (
    SELECT
        *,
        max({{'value': 0.95 * best_watts, 'on_day': on_day}}) FILTER (is_best AND best_watts > 30) OVER of_group AS watts,
        max({{'value': -best_pace, 'on_day': on_day}}) FILTER (is_best AND best_pace > 150) OVER of_group AS speed,
        max({{'value': 0.95 * best_beats, 'on_day': on_day}}) FILTER (is_best AND best_beats > 0) OVER of_all AS beats,
        max({{'value': highest, 'on_day': on_day}}) FILTER (is_best AND highest > 0) OVER of_all AS most
    FROM tried
    WINDOW
        of_group AS (PARTITION BY athlete_id, sport_group ORDER BY on_day RANGE BETWEEN INTERVAL 365 DAYS PRECEDING AND CURRENT ROW),
        of_all AS (PARTITION BY athlete_id ORDER BY on_day RANGE BETWEEN INTERVAL 365 DAYS PRECEDING AND CURRENT ROW)
),
-- as measured: the median of the 30 days up to one, as a single morning says little of a threshold
rested AS (
    SELECT day, median(resting_heartrate) OVER (ORDER BY day RANGE BETWEEN INTERVAL 29 DAYS PRECEDING AND CURRENT ROW) AS at_rest
    FROM days
    WHERE resting_heartrate IS NOT NULL
)
-- what is said, or else measured or estimated; goals.toml is the owner's, and so are days
SELECT
    lately.* EXCLUDE (watts, speed, beats, most),
    lately.athlete_id = owned.athlete_id AS is_owner,
    -- the profile's FTP is of now: of rides a year before, an estimate is nearer
    coalesce(given.ftp, if(watts IS NULL OR lately.on_day > athlete.fetched_at::DATE - 365, athlete.ftp, NULL)) AS said_ftp,
    if(said_ftp > 0, {{'value': said_ftp, 'on_day': NULL}}, watts) AS ftp,
    if(given.threshold_pace > 0, {{'value': -given.threshold_pace, 'on_day': NULL}}, speed) AS at_speed,
    if(given.threshold_heartrate > 0, {{'value': given.threshold_heartrate, 'on_day': NULL}}, beats) AS at_beats,
    if(given.max_heartrate > 0, {{'value': given.max_heartrate, 'on_day': NULL}}, most) AS top,
    if(lately.on_day - rested.day <= 30 AND lately.athlete_id = owned.athlete_id, rested.at_rest, NULL) AS measured,
    coalesce(given.resting_heartrate, measured, given.usual_resting_heartrate) AS known_rest,
    coalesce(known_rest, 60) AS rest,
    known_rest IS NULL AS is_assumed,
    greatest(top['value'], at_beats['value']) - rest AS reserve,
    -- a threshold less than 20 bpm above the rest is none
    if(at_beats['value'] >= rest + 20, (at_beats['value'] - rest) / reserve, NULL) AS at_share
FROM lately
LEFT JOIN athlete ON athlete.athlete_id = lately.athlete_id AND lately.sport_group = 'ride'
LEFT JOIN ({owner}) AS owned ON true
LEFT JOIN thresholds_by_date AS given
    ON lately.athlete_id = owned.athlete_id
    AND given.sport_group = lately.sport_group
    AND lately.on_day >= given.since
    AND (given.until IS NULL OR lately.on_day < given.until)
ASOF LEFT JOIN rested ON lately.on_day >= rested.day;

DELETE FROM activity_load;

INSERT INTO activity_load BY NAME
-- Power was measured over ten minutes and 80 % of the time in motion. A run half as fast again as at threshold is a drive, or a sprint. Heart
-- rates are those of each second of the track, or else the mean; where a track tells them for a part of the time, as points are few or the
-- strap was lost, they count for all of it: nobody rested
WITH measured AS (
    SELECT
        known.*,
        list_transform(coalesce(heartrates, [mean_beats]), lambda bpm: if(bpm > rest, (bpm - rest) / reserve, 0 * bpm)) AS shares,
        coalesce(of_track.seconds, [known.seconds]) AS held,
        CASE
            WHEN coalesce(powered_seconds, moving_time_seconds) >= greatest(600, 0.8 * moving_time_seconds)
                THEN moving_time_seconds / 36.0 * (normalised / ftp.value) ** 2
        END AS power,
        if(-at_speed.value <= 1.5 * mean_pace, moving_time_seconds / 36.0 * (at_speed.value / mean_pace) ** 2, NULL) AS pace,
        list_sum(list_transform(list_zip(held, shares), lambda each: each[1] * each[2] * exp(1.92 * each[2])))
            / (at_share * exp(1.92 * at_share)) / 36
            * greatest(known.seconds / list_sum(held), 1) AS heartrate
    FROM known_thresholds AS known
    LEFT JOIN activity_heartrates AS of_track USING (activity_id)
),
scaled AS (
    SELECT * REPLACE (
        relative_effort * median(coalesce(power, heartrate, pace) / nullif(relative_effort, 0)) OVER (PARTITION BY athlete_id)
            AS relative_effort
    )
    FROM measured
),
ways AS (
    SELECT
        *,
        CASE method WHEN 'power' THEN ftp WHEN 'pace' THEN at_speed WHEN 'heartrate' THEN at_beats END AS at_threshold
    FROM (UNPIVOT scaled ON power, heartrate, pace, relative_effort INTO NAME method VALUE load)
)
SELECT
    activity_id, athlete_id, sport_group, on_day, load, method,
    sqrt(load * 36 / nullif(seconds, 0)) AS intensity,
    abs(at_threshold.value) AS threshold,
    at_threshold.on_day AS threshold_on,
    -- one that isn't above the threshold is none, though the load takes the threshold for it
    if(method = 'heartrate' AND top.value > at_beats.value, top.value, NULL) AS max_heartrate,
    if(max_heartrate IS NOT NULL, top.on_day, NULL) AS max_heartrate_on,
    if(method = 'heartrate', rest, NULL) AS resting_heartrate,
    method = 'heartrate' AND is_assumed AS is_assumed
FROM ways
QUALIFY row_number() OVER (
    PARTITION BY activity_id ORDER BY list_position(['power', 'heartrate', 'pace', 'relative_effort'], method)
) = 1;

DELETE FROM training_zones;

-- A person's own zones; before them, Coggan's shares of the threshold that loads go by, from each day on which that changes. A row per zone:
-- each begins where its limit is, the first at 0, and ends where the next one begins.
INSERT INTO training_zones BY NAME
WITH said AS (
    SELECT since, until, sport_group, 'watts' AS measure, power_zones AS limits FROM thresholds_by_date WHERE power_zones IS NOT NULL
    UNION ALL
    SELECT since, until, sport_group, 'heartrate', heartrate_zones FROM thresholds_by_date WHERE heartrate_zones IS NOT NULL
),
changed AS (
    SELECT *
    FROM (
        SELECT sport_group, on_day, 'watts' AS measure, {power_shares} AS shares, ftp AS threshold FROM known_thresholds WHERE is_owner
        UNION
        SELECT sport_group, on_day, 'heartrate', {heartrate_shares}, if(at_share > 0, at_beats, NULL) FROM known_thresholds WHERE is_owner
    )
    LEFT JOIN (SELECT sport_group, measure, min(since) AS own_since FROM said GROUP BY ALL) USING (sport_group, measure)
    WHERE on_day < coalesce(own_since, 'infinity')
    QUALIFY threshold IS DISTINCT FROM lag(threshold) OVER (PARTITION BY sport_group, measure ORDER BY on_day)
),
held AS (
    SELECT since, until, sport_group, measure, limits, NULL::DATE AS threshold_on FROM said
    UNION ALL
    SELECT
        on_day,
        coalesce(lead(on_day) OVER (PARTITION BY sport_group, measure ORDER BY on_day), own_since),
        sport_group,
        measure,
        list_transform(shares, lambda share: round(share * threshold['value'], 1)),
        threshold['on_day']
    FROM changed
    QUALIFY threshold IS NOT NULL
)
SELECT * EXCLUDE (limits), coalesce(limits[zone - 1], 0) AS from_value, limits[zone] AS below_value
FROM (SELECT *, unnest(range(1, len(limits) + 2))::INTEGER AS zone FROM held);

DROP TABLE known_thresholds
