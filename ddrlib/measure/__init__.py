"""From features to maps and numbers: what sorts them, degradation or content."""
