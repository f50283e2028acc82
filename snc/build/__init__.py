"""Meaning to step graph: instances are made, shapes and places found, rules bound to projections."""
