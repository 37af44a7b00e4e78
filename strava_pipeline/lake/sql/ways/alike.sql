-- How alike each way of a block is to those of the others that are before it: cells in common, as a share of the cells of either.
-- Ways so alike have all but a third of each one's cells in common: of its rarest 45 % a tenth of its cells at least. Only pairs with
-- that are compared in full; cells around home, which every way comes through, are not looked at before (after Chaudhuri, Ganti,
-- Kaushik: A primitive operator for similarity joins, ICDE 2006). Each step is materialized, or the planner would begin with these.
WITH rare AS MATERIALIZED (
    SELECT cell.*, ceil(cell.cells / 10) AS tenth
    FROM cell
    JOIN often USING (cell)
    WHERE cell.place IN (SELECT unnest(from_json($block, '["BIGINT"]')))
    QUALIFY row_number() OVER (PARTITION BY cell.place ORDER BY often.ways, cell.cell) <= cell.cells - ceil($least * cell.cells) + tenth
),
pair AS MATERIALIZED (
    SELECT rare.place, other.place AS other, any_value(rare.cells + other.cells) AS cells
    FROM rare
    JOIN cell AS other
        ON other.cell = rare.cell
        AND other.kind = rare.kind
        AND other.place < rare.place
        AND least(rare.cells, other.cells) >= $least * greatest(rare.cells, other.cells)
    WHERE other.place IN (SELECT unnest(from_json($others, '["BIGINT"]')))
    GROUP BY rare.place, other.place
    HAVING count(*) >= any_value(rare.tenth)
),
sought AS MATERIALIZED (
    SELECT pair.*, cell.cell
    FROM pair
    JOIN cell USING (place)
    WHERE cell.place IN (SELECT unnest(from_json($block, '["BIGINT"]')))
)
SELECT sought.place, sought.other, count(*) / (sought.cells - count(*)) AS similarity
FROM sought
JOIN cell ON cell.place = sought.other AND cell.cell = sought.cell
GROUP BY sought.place, sought.other, sought.cells
HAVING similarity >= $least
ORDER BY sought.place, similarity DESC, sought.other
