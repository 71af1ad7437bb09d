"""What people wrote, read into requests and targets. Nothing here executes a flow."""
