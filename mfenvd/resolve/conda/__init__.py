"""Conda environments, solved with py-rattler. Importing a module of this package loads it: workers alone do."""
