"""From high resolution to degraded low resolution."""
