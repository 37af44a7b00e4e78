-- The things that an activity can be of, by the piece that rows name most, also where none does; what is retired comes last. `pieces`:
-- all that a person may have said. `twin_at`: the service, where several things have the name.
SELECT
    key,
    name,
    pieces,
    CASE WHEN count(*) OVER (PARTITION BY lower(name)) > 1 THEN split_part(key, ':', 1) END AS twin_at
FROM (
    SELECT
        any_value(item_name) AS name,
        arg_max(source || ':' || gear_id, (rows, source, gear_id)) AS key,
        flatten(list([source || ':' || gear_id, source || ':' || piece])) AS pieces,
        coalesce(bool_and(retired), false) AS is_retired
    FROM gear_items
    GROUP BY item
)
ORDER BY is_retired, lower(name), key
