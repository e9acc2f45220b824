"""What the layers of a network give for a set of images."""
