"""The step graph: what depends on what."""
