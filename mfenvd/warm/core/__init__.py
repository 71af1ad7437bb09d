"""Metaflow core (`@conda`, `@pypi`): its environment ids, its manifest, its checks."""
