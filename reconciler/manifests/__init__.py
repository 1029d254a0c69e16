"""Manifests: YAML in, a Tree of Desired resources out, every fault with its place.

```
files        which files there are, and their bytes; which local data they name
yaml         bytes to nodes, by the YAML 1.2 core schema, each with its line and column
head         apiVersion, kind and metadata
validate     a spec by its pydantic model, pydantic's errors in our words
variables    ${env:RECONCILER_VAR_NAME}
accounts     Account manifests, and which one a resource is in
load         the order of all this, inline resources, references
checks       data, the kinds' own checks, equal identities
schema       the JSON Schema of it all
```
Kinds are an argument: nothing here knows one by name.
"""

from reconciler.manifests.load import load
from reconciler.manifests.schema import json_schema
from reconciler.manifests.tree import Tree

__all__ = ["Tree", "json_schema", "load"]
