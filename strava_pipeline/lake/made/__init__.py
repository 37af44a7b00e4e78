"""What is made of bronze beside gold: shards, tracks, what is measured of them, and pairs of recordings, as Parquet by year."""
