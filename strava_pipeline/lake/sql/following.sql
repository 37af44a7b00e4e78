-- What activities that are one nest, under the activity that they are: of each group the rows of the best source that has some.
-- {{whole}}: what is of the whole track, if something was cut of it.
CREATE OR REPLACE VIEW {name} AS
WITH shown AS (
    SELECT member.activity_id, arg_min(member.id, member.place) AS id
    FROM activity_members AS member
    SEMI JOIN {stored} AS held ON held.activity_id = member.id
    GROUP BY member.activity_id
)
SELECT held.* REPLACE (coalesce(shown.activity_id, held.activity_id) AS activity_id{whole})
FROM {stored} AS held
LEFT JOIN shown ON shown.id = held.activity_id
WHERE shown.id IS NOT NULL OR held.activity_id NOT IN (SELECT id FROM activity_members)
