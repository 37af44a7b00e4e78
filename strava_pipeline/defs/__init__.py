"""Definitions besides the pipeline's own, as `dg scaffold defs` adds them; none is committed here."""
