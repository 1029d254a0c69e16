"""The result file of a job, for whoever judges its model."""

from __future__ import annotations

from reconciler.azure.errors import AzureError
from reconciler.azure.results import Results
from reconciler.core.fault import Fault
from reconciler.core.resource import Observed
from reconciler.results.table import Table, read


def read_results(results: Results, live: Observed) -> Table | Fault:
    """Read the result file of a job, or return why it cannot be read; one that does not exist is empty."""
    for file_id in live.facts.get("result_files", ()):
        content = results.content(file_id)
        try:
            return read(content, cut_off=lambda content=content: content.cut_off)  # type: ignore[misc]
        except AzureError as error:
            return error.fault
    return Table()
