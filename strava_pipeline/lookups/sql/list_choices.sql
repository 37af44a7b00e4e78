-- What the activities of the list have: their sports, their sources, their gear and their tags; whether any is a commute, corrected, not counted.
SELECT
    coalesce((SELECT list(DISTINCT sport_type ORDER BY sport_type) FROM activity_list WHERE sport_type IS NOT NULL), []) AS sports,
    coalesce((SELECT list(DISTINCT source ORDER BY source) FROM (SELECT unnest(sources) AS source FROM activity_list)), []) AS sources,
    coalesce(
        (
            SELECT list({'key': key, 'name': name} ORDER BY lower(name), key)
            FROM (
                SELECT gear_item AS key, any_value(gear_name) AS name
                FROM activity_list
                WHERE gear_item IS NOT NULL
                GROUP BY key
            )
        ),
        []
    ) AS gear,
    coalesce((SELECT list_sort(list(DISTINCT tag)) FROM (SELECT unnest(tags) AS tag FROM own_values SEMI JOIN activity_list ON id = activity_id)), []) AS tags,
    EXISTS (FROM activity_list WHERE commute) AS commute,
    EXISTS (FROM corrections SEMI JOIN activity_list ON id = activity_id) AS corrected,
    EXISTS (FROM activity_list WHERE NOT counts) AS not_counted
