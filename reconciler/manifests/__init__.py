"""Manifests: YAML in, a Tree of Desired resources out, every fault with its place.

```
loader       the order of all that follows; inline resources; references (graph: their order)
files        which files there are, and their bytes; which local data they name (repository: and where they end)
yaml         bytes to nodes, each with its line and column (scalars: YAML 1.2's core schema; syntax: errors in a line)
head         apiVersion, kind and metadata
validate     a spec by its pydantic model, and pydantic's errors in our words (annotations: what the types say)
places       where fields stand
variables    ${env:RECONCILER_VAR_NAME}
accounts     Account manifests, and which one a resource is in
checks       data, the kinds' own checks, equal identities
schema       the JSON Schema of it all
faults       how what a person wrote is quoted, and what was probably meant
```
Kinds are an argument: nothing here knows one by name.
"""

from reconciler.manifests.loader import load, load_accounts
from reconciler.manifests.schema import json_schema
from reconciler.manifests.tree import Tree

__all__ = ["Tree", "json_schema", "load", "load_accounts"]
