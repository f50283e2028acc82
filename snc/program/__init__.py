"""Dataflow to order and memory."""
