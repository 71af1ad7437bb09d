"""Pure values and rules: no I/O, no asyncio, and no import of the other rooms."""
