-- The routes that resemble the route $id: the one that it is a variant of, and its own variants, the most taken first.
WITH asked AS (SELECT variant_of, variant_similarity FROM routes WHERE route_id = $id)
SELECT routes.*, coalesce(asked.variant_similarity, routes.variant_similarity) AS resemblance, first.place
FROM routes
LEFT JOIN asked ON asked.variant_of = routes.route_id
LEFT JOIN activity_list AS first ON first.id = routes.route_id
WHERE routes.variant_of = $id OR asked.variant_of IS NOT NULL
ORDER BY routes.activities DESC, routes.route_id
LIMIT $most
