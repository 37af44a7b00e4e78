-- The rows of `ruled`: for each field of an activity, the first rule that matches and gives it.
CREATE OR REPLACE TEMPORARY TABLE rule_gives AS
WITH first AS (
    SELECT activity_id, field, min(number) AS number
    FROM rule_matches
    JOIN rule_fields USING (number)
    GROUP BY activity_id, field
)
SELECT
    activity_id,
    any_value(COLUMNS(* EXCLUDE (activity_id, field, number, rule, value))),
    list(field ORDER BY field) AS fields,
    list(rule ORDER BY field) AS rules
FROM first
JOIN rule_fields USING (number, field)
GROUP BY activity_id
