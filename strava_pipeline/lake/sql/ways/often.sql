-- How many ways come through each cell.
CREATE TEMP TABLE often AS SELECT cell, count(*) AS ways FROM cell GROUP BY cell
