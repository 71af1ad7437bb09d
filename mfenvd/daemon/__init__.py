"""The process that watches, schedules and answers."""
