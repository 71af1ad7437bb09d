"""One request on one target, start to end; used by the daemon and by one-shot commands alike."""
