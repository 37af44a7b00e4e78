"""An athlete's years: pacing against goals, records, charts. Pure: reading and storing is lake's."""
