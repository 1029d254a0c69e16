"""What an organisation at OpenAI has trained: its files and jobs, read only, for training them anew at Azure.

The key of OPENAI_API_KEY is sent to api.openai.com and to no other host, whatever variables the SDK would follow; a
service on this machine, for tests, is given a fixed credential in its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from reconciler.azure.bounds import PACKED, bound_answer
from reconciler.azure.caller import Caller
from reconciler.azure.clouds import is_loopback
from reconciler.azure.errors import AzureError, hide
from reconciler.azure.files import PURPOSE
from reconciler.azure.heads import bound_head
from reconciler.azure.listing import PAGE, all_pages
from reconciler.azure.session import LOOPBACK_CREDENTIAL, READ_TIMEOUT, TRANSFER_TIMEOUT
from reconciler.azure.wire import Json, text
from reconciler.core.fault import Fault, Refused
from reconciler.core.runtime import Runtime

ADDRESS = "https://api.openai.com/v1"
KEY, OTHER = "OPENAI_API_KEY", "RECONCILER_OPENAI_URL"


class Organisation:
    """The files and jobs that a key of OpenAI can see. Raises AzureError for what OpenAI answers."""

    def __init__(self, runtime: Runtime, environ: Mapping[str, str]) -> None:
        self.url = environ.get(OTHER) or ADDRESS
        host = urlsplit(self.url).hostname or ""
        local = is_loopback(self.url, host)
        if not local and self.url != ADDRESS:
            raise Refused(
                Fault(
                    "endpoint-untrusted",
                    "The key of OpenAI goes to OpenAI only",
                    f"{OTHER} names {host or 'no host'}; only {ADDRESS} and plain http on this machine are taken.",
                    f"Unset {OTHER}.",
                )
            )
        key = LOOPBACK_CREDENTIAL if local else environ.get(KEY, "")
        if not key:
            raise AzureError(
                Fault("openai-no-credential", "No API key of OpenAI is set", f"{KEY} is not set.", f"Set {KEY}."),
                status=401,
            )
        hide(key)
        self._calls = Caller(host, runtime)
        import openai

        self._client = openai.OpenAI(
            base_url=self.url,
            api_key=key,
            max_retries=0,
            timeout=READ_TIMEOUT,
            default_headers={"Accept-Encoding": PACKED},
            http_client=openai.DefaultHttpxClient(
                follow_redirects=False,
                trust_env=not local,
                event_hooks={"request": [bound_head], "response": [bound_answer]},
            ),
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def files(self) -> list[Json]:
        """Return all files that can be trained on."""

        def fetch(query: dict[str, Any]) -> bytes:
            files = self._client.files.with_raw_response
            return bytes(files.list(purpose=PURPOSE, extra_query=query).content)

        found = all_pages(self._calls, "listing the files at OpenAI", fetch)
        return [body for body in found if text(body, "purpose") == PURPOSE]

    def jobs(self) -> list[Json]:
        """Return all fine-tuning jobs."""

        def fetch(query: dict[str, Any]) -> bytes:
            jobs = self._client.fine_tuning.jobs.with_raw_response
            return bytes(jobs.list(limit=PAGE, extra_query=query).content)

        return all_pages(self._calls, "listing the fine-tuning jobs at OpenAI", fetch)

    def content(self, file_id: str) -> Iterator[bytes]:
        """Stream a file's bytes."""
        doing = f"reading {file_id} at OpenAI"
        files = self._client.files.with_streaming_response
        response = self._calls.safely(doing, lambda: files.content(file_id, timeout=TRANSFER_TIMEOUT).__enter__())
        try:
            chunks = response.iter_bytes(1 << 20)
            while (chunk := self._calls.once(doing, lambda: next(chunks, None))) is not None:
                yield chunk
        finally:
            response.close()
