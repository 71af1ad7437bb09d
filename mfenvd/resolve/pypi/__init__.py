"""PyPI environments, resolved with uv for one target exactly."""
