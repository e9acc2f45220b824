"""What the representations serve for: identifying distortions, guiding blind SR."""
