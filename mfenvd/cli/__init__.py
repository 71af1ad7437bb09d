"""The command line `mfenv`."""
