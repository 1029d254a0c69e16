"""Training data as bytes: canonical form and digest, checks, wire encoding. Pure streaming; imports nothing else of ours.

```
stream ──► canonical ──► wire          lines in constant memory · canonical form, digest · what is uploaded
   └─────► sniff, record ──► formats   what is no JSONL · one careful line · one checker for each format
findings ─────────────────────┴──► scan ──► cache    the table of codes · one pass for everything · remembered scans
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
