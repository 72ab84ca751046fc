"""File formats of images: each opens a file as a :class:`Source`, and reads blocks of it on demand.

Workflow::

    source = open_tiff(path)
    block = source.read((slice(0, 10), slice(None), slice(None)))
"""

from .hdf5 import open_hdf5
from .header import Header
from .npy import open_npy, write_npy
from .raw import open_metaimage, open_raw
from .source import Box, Source
from .tiff import open_tiff
from .tiff_folder import open_folder
from .tiff_write import write_tiff
from .vti import open_vti, write_vti

__all__ = [
    "Box",
    "Header",
    "Source",
    "open_folder",
    "open_hdf5",
    "open_metaimage",
    "open_npy",
    "open_raw",
    "open_tiff",
    "open_vti",
    "write_npy",
    "write_tiff",
    "write_vti",
]
