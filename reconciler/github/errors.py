"""What is raised where GitHub does not do as asked."""

from __future__ import annotations

from reconciler.core.fault import Fault, ReconcilerError


class GitHubError(ReconcilerError):
    """GitHub refused a request, or did not answer it. `status` is None where nothing was answered."""

    def __init__(self, fault: Fault, status: int | None, *, passes: bool = False, wait: float = 0) -> None:
        super().__init__(fault)
        self.status = status
        self.passes = passes
        """Whether the same request may succeed later."""
        self.wait = wait
        """Seconds after which GitHub wants to be asked again."""
