"""Access to package indexes: where they are, what they list, and what each file says about itself."""
