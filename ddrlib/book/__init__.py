"""Run the chapters, keep what made each result, build the pages."""

import sys
from typing import cast

# nbformat imports jsonschema, which would compile 38 grammars for a format of addresses: two seconds
# in each process, for what no notebook has.
cast(dict, sys.modules).setdefault("rfc3987_syntax", None)
