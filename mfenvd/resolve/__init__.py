"""A request on a target becomes a resolution, or the findings that say why not."""
