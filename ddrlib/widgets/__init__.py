"""Views that react in the built pages with no kernel, and compute anew where one runs.

Everything a widget shows lies in its synced traits, which papermill saves with the notebook; its
JavaScript (`static/`) works on them alone.
"""

from ddrlib.widgets.explorer_view import Explorer, ExplorerData, explorer, recompute
from ddrlib.widgets.frame_viewer import FrameViewer, Picture, gallery

__all__ = ["Explorer", "ExplorerData", "FrameViewer", "Picture", "explorer", "gallery", "recompute"]
