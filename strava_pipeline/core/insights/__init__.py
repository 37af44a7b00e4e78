"""What an athlete asks of the years: pacing against goals, records, pictures. Pure: what is read and kept is lake's."""
