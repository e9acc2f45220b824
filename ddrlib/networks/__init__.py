"""The networks of the book: definitions only; trained weights come from `ddrlib.zoo`.

Every super-resolution network here takes low-resolution RGB images (N, 3, H, W) in [0, 1] and
returns (N, 3, scale * H, scale * W). `layers()` names the feature maps worth looking at, in order
of depth, each with the submodule whose output it is. A part of a layer is called LAYER.PATH, PATH
being the submodule within it ("RRDB2.body.0.convs.1"): what a block does inside may differ from
what it puts out.
"""
