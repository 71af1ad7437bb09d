"""What the screen is made of; each widget with its own styles."""
