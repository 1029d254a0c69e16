"""Training data as bytes: canonical form and digest, checks, numbers, wire encoding. Pure streaming; imports nothing else of ours.

```
stream      lines of any source in constant memory: the only place that knows where a line ends
canonical   canonical form and digest: the identity of data        wire        what is uploaded, with a known length
sniff       what is no JSONL at all                                record      one line read with care
slips       what a line that is no JSON was meant to be                long_record a line of images, without a copy
formats/    one check for each format, behind one record           findings    the value, and the table of codes
secrets     keys and tokens that do not belong into data           excerpt     what stands where a finding was made
texts       what of an example is text                             tokens      how many tokens a text has
statistics  numbers about a dataset                                rows        rows that stand twice, or in two files
part        the check of some lines                                crew        many parts at once, by worker processes
scan        one pass over a file that tells everything             cache       scans remembered between commands
compare     what changed between two versions             opening     system messages and the first question
```
"""

from reconciler.datasets.cache import ScanCache
from reconciler.datasets.canonical import Measured, canonical_chunks, digest, measure
from reconciler.datasets.compare import Comparison, NotComparable, Opener, compare
from reconciler.datasets.excerpt import excerpts
from reconciler.datasets.findings import CODES, Code, Finding
from reconciler.datasets.formats import FORMATS
from reconciler.datasets.opening import Opening, opening
from reconciler.datasets.part import LONGEST
from reconciler.datasets.rows import shared
from reconciler.datasets.scan import RULES_VERSION, WHOLE_LIMIT, Scan, scan, scan_file
from reconciler.datasets.sniff import for_file
from reconciler.datasets.statistics import Distribution, Statistics
from reconciler.datasets.stream import Chunks, Readable
from reconciler.datasets.tokens import ENCODING as TOKEN_ENCODING
from reconciler.datasets.wire import ENCODINGS, DataChanged, Encoded, Encoding, wire_size

__all__ = [
    "CODES",
    "ENCODINGS",
    "FORMATS",
    "LONGEST",
    "RULES_VERSION",
    "TOKEN_ENCODING",
    "WHOLE_LIMIT",
    "Chunks",
    "Code",
    "Comparison",
    "DataChanged",
    "Distribution",
    "Encoded",
    "Encoding",
    "Finding",
    "Measured",
    "NotComparable",
    "Opener",
    "Opening",
    "Readable",
    "Scan",
    "ScanCache",
    "Statistics",
    "canonical_chunks",
    "compare",
    "digest",
    "excerpts",
    "for_file",
    "measure",
    "opening",
    "scan",
    "scan_file",
    "shared",
    "wire_size",
]
