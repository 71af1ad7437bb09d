"""What metaflow-netflixext keeps and computes (1.3.17): ids, manifest, environments."""
