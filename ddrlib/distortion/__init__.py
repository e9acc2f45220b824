"""Which distortion is it, and how much: read from descriptions of images, deep ones and others.

sets             images with their labels: generated, or read from a public set
descriptions     images of any size -> rows of fixed size
nss              descriptions with no network: natural-scene statistics, gradients
identification   descriptions -> type and degree, and how well that goes
viewer           single images, and what each method takes them for

The labels of a set of images are a table, a row an image, with the columns `type`, `level` (1 is
the weakest) and `reference` (which undistorted picture it was), as `ddrlib.data.quality_sets` gives
them.
"""
