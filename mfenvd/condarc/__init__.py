"""What conda's own configuration says of channels: read by the rooms that ask for packages and that fetch them."""
