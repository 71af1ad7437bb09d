"""The dashboard `mfenv-tui`, over the client alone."""
