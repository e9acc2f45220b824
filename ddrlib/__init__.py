"""Deep degradation representations: what a super-resolution network knows about degradation.

The rooms, in the order in which data goes through them; nothing downstream reaches back.

photographs     data (images, quality_sets) -> patches with their labels
degradations    degrade (distortions, kernels) -> LR images
networks        networks: definitions; zoo (cards, weights, ncnn, custom): trained ones, by name
features        features: named layers, kept on disk
measures        projection, metrics, measure (measurement), pairwise, quality
applications    distortion (nss), generalization (ggd)
training        training (training_config, campaign, sampling, perceptual, acceleration,
                checkpoint, training_log)
pages           plots, widgets (explorer_data, static/), provenance (machine), claims
the book        book (profiles), site, cli

In brackets stand the modules that only serve the one before them. `errors` and `paths` serve all.
"""
