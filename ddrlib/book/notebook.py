"""nbformat, without two seconds of its import.

It imports jsonschema, which would compile 38 grammars for a format of addresses that no notebook has.
"""

import sys
from typing import cast

cast(dict, sys.modules).setdefault("rfc3987_syntax", None)

import nbformat

__all__ = ["nbformat"]
