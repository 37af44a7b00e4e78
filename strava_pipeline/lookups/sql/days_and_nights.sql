-- Each local day from $first to $last that has numbers, with those of the night that ended on it.
SELECT * FROM days FULL JOIN nights USING (day) WHERE day BETWEEN $first AND $last ORDER BY day
