-- A page of the routes that were taken twice or more, the most taken first. $activities and $route_id: the last row of the page before it;
-- NULL: the first page.
SELECT routes.*, first.place
FROM routes
LEFT JOIN activity_list AS first ON first.id = routes.route_id
WHERE routes.athlete_id = $athlete_id
    AND routes.activities > 1
    AND ($sport_group::VARCHAR IS NULL OR routes.sport_group = $sport_group)
    AND ($activities::BIGINT IS NULL OR routes.activities < $activities OR (routes.activities = $activities AND routes.route_id > $route_id))
ORDER BY routes.activities DESC, routes.route_id
LIMIT $most
