"""Talks to the daemon. `connection` waits, `stream` is for asyncio, `view` keeps what was told.

Nothing here imports aiohttp but `stream`: a command that asks one question should not wait for it.
"""
