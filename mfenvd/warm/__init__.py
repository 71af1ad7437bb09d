"""Leaves resolved environments where Metaflow looks for them."""
