"""Syntax tree to meaning."""
