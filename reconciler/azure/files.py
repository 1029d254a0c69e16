"""Files of the data plane: list, upload, import, read back, delete. Returns Azure's own objects as mappings."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from reconciler.azure.caller import read_object
from reconciler.azure.listing import FreshList, all_pages
from reconciler.azure.session import TRANSFER_TIMEOUT, Session
from reconciler.azure.surfaces import place_for, surface_for
from reconciler.azure.wire import Json, text

PURPOSE = "fine-tune"


class Files:
    """The files of one account that can be trained on."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._calls = session.data_calls
        self.fresh = FreshList(self.all, session.runtime.clock)

    def _client(self) -> Any:
        return self._session.data_client(surface_for("files", self._session.api))

    def all(self) -> list[Json]:
        """Return all files with the purpose `fine-tune`."""

        def fetch(query: dict[str, Any]) -> bytes:
            files = self._client().files.with_raw_response
            return bytes(files.list(purpose=PURPOSE, extra_query=query).content)

        found = all_pages(self._calls, "listing files", fetch)
        # A result file belongs to its job, whatever a service makes of the query.
        return [body for body in found if text(body, "purpose") in {"", PURPOSE}]

    def upload(self, filename: str, content: io.RawIOBase) -> Json:
        """Upload once, never repeated by itself; the part needs its own content type (docs/azure.md, section 3)."""
        doing = f"uploading {filename}"

        def send() -> Json:
            part = (filename, content, "application/json")
            files = self._client().files.with_raw_response
            return read_object(files.create(file=part, purpose=PURPOSE, timeout=TRANSFER_TIMEOUT), doing)

        return self._calls.once(doing, send)

    def import_from(self, filename: str, content_url: str) -> Json:
        """Have the service fetch a file itself, once; `content_url` may hold a signature and is never repeated."""
        doing = f"importing {filename}"
        place = place_for("import", self._session.api, is_project=self._session.is_project)

        def send() -> Json:
            import httpx2

            client = self._session.data_client(place.api, at_resource=place.at_resource)
            body = {"purpose": PURPOSE, "filename": filename, "content_url": content_url}
            return read_object(client.post("/files/import", body=body, cast_to=httpx2.Response), doing)

        return self._calls.once(doing, send)

    def get(self, file_id: str) -> Json:
        """Return one file."""
        doing = f"reading {file_id}"
        return self._calls.safely(
            doing, lambda: read_object(self._client().files.with_raw_response.retrieve(file_id), doing)
        )

    def content(self, file_id: str) -> Iterator[bytes]:
        """Stream a file's bytes back."""
        doing = f"reading the content of {file_id}"

        def opened() -> Any:
            return self._client().files.with_streaming_response.content(file_id, timeout=TRANSFER_TIMEOUT).__enter__()

        response = self._calls.safely(doing, opened)
        try:
            chunks = response.iter_bytes(1 << 20)
            while True:
                chunk = self._calls.once(doing, lambda: next(chunks, None))
                if chunk is None:
                    return
                yield chunk
        finally:
            response.close()

    def delete(self, file_id: str, *, at_resource: bool = False) -> None:
        """Delete one file; `at_resource`: as the resource around a project has it."""
        api = surface_for("files", self._session.api)

        def send() -> Any:
            client = self._session.data_client(api, at_resource=at_resource)
            return client.files.with_raw_response.delete(file_id)

        self._calls.safely(f"deleting {file_id}", send)
