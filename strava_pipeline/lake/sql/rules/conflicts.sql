-- Pairs of rules that give a field of one activity different values, of which the first one counts; where the person said nothing of it.
SELECT gives.field, one.number AS rule, other.number AS other, count(*) AS activities
FROM rule_matches AS one
JOIN rule_matches AS other ON other.activity_id = one.activity_id AND other.number > one.number
JOIN rule_fields AS gives ON gives.number = one.number
JOIN rule_fields AS too ON too.number = other.number AND too.field = gives.field AND too.value <> gives.value
JOIN rule_seen AS seen ON seen.id = one.activity_id AND NOT list_contains(seen.said, gives.field)
GROUP BY ALL
ORDER BY ALL
