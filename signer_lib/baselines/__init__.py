"""What one would do without the method: floors, stitching, pose regression."""
