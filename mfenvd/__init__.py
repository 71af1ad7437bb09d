"""mfenv: Metaflow environments, resolved in the background for every architecture."""
