"""Deep degradation representations: what a super-resolution network knows about degradation.

The rooms, in the order in which data goes through them; nothing downstream reaches back.

    data          photographs and folders -> patches with their labels
    degrade       patches x degradations -> samples: low-resolution images with their labels
    networks      definitions of networks
    zoo           trained networks by name, and the reader's own
    features      what the layers of a network give for samples -> Gram matrices
    measure       Gram matrices -> PCA, t-SNE, and what sorts the samples
    applications  identifying distortions, guiding blind super-resolution
    training      how the networks of the book are trained
    plots         figures
    widgets       views that react, in a page and in a notebook
    book          run the chapters, keep what made each result, build the pages
    cli           the command line, ddr

`errors`, `files` and `machine` serve all. A name is imported from the module that defines it.
"""
