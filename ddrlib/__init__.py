"""Deep degradation representations: what a super-resolution network knows about degradation.

The rooms, in the order in which data goes through them; nothing downstream reaches back.

photographs     data            photographs and folders -> patches with their labels
degradations    degrade         patches -> LR images
networks        networks        definitions
                zoo             trained ones by name, and the reader's own
features        features        named layers, kept on disk
measures        projection      features -> Gram matrix -> PCA, t-SNE
                metrics         what sorts a set of features
                measure         all of it for a network, layer by layer
                quality         how good an enlargement is
applications    distortion      which distortion is it, and how much
                generalization  how far does a network carry (SRGA)
                blind           does a network restore better when it is told
                report          measure and SRGA of any network, for a first look
training        training        the networks of the book
pages           plots, widgets  figures, and views that react
                explore         a page of one's own with the explorer
                claims          statements that a run can refute
                provenance      what made each figure (machine)
the book        book            run the chapters, build the pages
                cli             the `ddr` command

A room that is a folder has its front door in `__init__.py`; the other files serve it. `errors` and
`paths` serve all.
"""
