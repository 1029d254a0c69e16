"""Training data as bytes: canonical form and digest, checks, wire encoding. Pure streaming; imports nothing else of ours.

```
stream      lines of any source in constant memory: the only place that knows where a line ends
canonical   canonical form and digest: the identity of data        wire    what is uploaded, with a known length
sniff       what is no JSONL at all                                record  one line read with care
formats/    one checker for each format, behind one protocol       findings  the value, and the table of codes
scan        one pass over a file that tells everything             cache   scans remembered between commands
```
"""

from reconciler.datasets.cache import ScanCache
from reconciler.datasets.canonical import Measured, canonical_chunks, digest, measure
from reconciler.datasets.findings import CODES, Code, Finding
from reconciler.datasets.formats import FORMATS
from reconciler.datasets.scan import RULES_VERSION, Scan, scan
from reconciler.datasets.stream import Chunks, Readable
from reconciler.datasets.wire import ENCODINGS, DataChanged, Encoded, Encoding, wire_size

__all__ = [
    "CODES",
    "ENCODINGS",
    "FORMATS",
    "RULES_VERSION",
    "Chunks",
    "Code",
    "DataChanged",
    "Encoded",
    "Encoding",
    "Finding",
    "Measured",
    "Readable",
    "Scan",
    "ScanCache",
    "canonical_chunks",
    "digest",
    "measure",
    "scan",
    "wire_size",
]
