"""Routes below `/uploads`: a large file in parts."""

from __future__ import annotations

import hashlib
from typing import Any

from reconciler.emulator.files import add_file, check_purpose, file_object
from reconciler.emulator.multipart import read_form
from reconciler.emulator.records import UploadRecord
from reconciler.emulator.routing import Call
from reconciler.emulator.wire import ApiError, Response, json_response

_LIFETIME_S = 2 * 3600
"""An upload expires two hours after its creation (specification)."""

_MAX_BYTES = 9 * 1024**3
"""An upload may have 9 GB in all (specification)."""


def _status(upload: UploadRecord, now: float) -> str:
    if upload.file is not None:
        return "completed"
    if upload.cancelled:
        return "cancelled"
    return "expired" if now >= upload.created + _LIFETIME_S else "pending"


def _upload_object(call: Call, upload: UploadRecord) -> dict[str, Any]:
    file = call.account.files.get(upload.file) if upload.file else None
    return {
        "id": upload.id,
        "object": "upload",
        "bytes": upload.size,
        "created_at": int(upload.created),
        "filename": upload.filename,
        "purpose": upload.purpose,
        "status": _status(upload, call.now),
        "expires_at": int(upload.created + _LIFETIME_S),
        "file": None if file is None else file_object(call, file, call.now),
    }


def _upload(call: Call) -> UploadRecord:
    upload = call.account.uploads.get(call.ids[0])
    if upload is None:
        raise ApiError(404, "notFound", f"The specified upload '{call.ids[0]}' could not be found.")
    status = _status(upload, call.now)
    if status != "pending":
        raise ApiError(400, "unexpectedEntityState", f"The upload is in state {status}.")
    return upload


def create_upload(call: Call) -> Response:
    """Begin an upload."""
    body = call.request.json()
    for name in ("purpose", "filename", "bytes", "mime_type"):
        if not body.get(name):
            raise ApiError(400, "invalidPayload", f"The {name} field is required.", target=name)
    size = body["bytes"]
    if not isinstance(size, int) or isinstance(size, bool) or not 0 < size <= _MAX_BYTES:
        raise ApiError(400, "invalidPayload", "The total size of an upload must be at most 9 GB.", target="bytes")
    check_purpose(body["purpose"])
    upload = UploadRecord(
        id=f"upload-{call.world.hex()}",
        account=call.account.name,
        created=call.now,
        filename=body["filename"],
        purpose=body["purpose"],
        size=body["bytes"],
        mime_type=body["mime_type"],
    )
    call.world.save(upload)
    return json_response(_upload_object(call, upload))


def add_part(call: Call) -> Response:
    """Take one part."""
    upload = _upload(call)
    part = read_form(call.request).get("data")
    if part is None:
        raise ApiError(400, "invalidPayload", "The data field is required.", target="data")
    most = call.world.config.max_part_bytes
    if len(part.data) > most:
        message = f"A part may have at most {most // (1024 * 1024)} MB."
        raise ApiError(400, "invalidPayload", message, target="data")
    part_id = f"part-{call.world.hex()}"
    call.world.store.keep(part_id, bytes(part.data))
    upload.parts[part_id] = len(part.data)
    call.world.save(upload)
    value = {"id": part_id, "object": "upload.part", "created_at": int(call.now), "upload_id": upload.id}
    return json_response(value)


def complete_upload(call: Call) -> Response:
    """Put the parts together in the order given."""
    upload = _upload(call)
    body = call.request.json()
    wanted = body.get("part_ids")
    known = isinstance(wanted, list) and all(isinstance(part, str) and part in upload.parts for part in wanted)
    if not known or not wanted or len(set(wanted)) != len(wanted):
        raise ApiError(
            400, "invalidPayload", "The part_ids must be the ids of parts of this upload.", target="part_ids"
        )
    store = call.world.store
    content = b"".join(store.content(part) for part in wanted)
    lost = call.world.config.uploads_count_lost_parts
    size = sum(upload.parts.values()) if lost else len(content)
    if size != upload.size:
        message = f"The upload has {size} bytes, but {upload.size} were announced."
        raise ApiError(400, "invalidPayload", message, target="bytes")
    md5 = body.get("md5")
    if md5 and md5 != hashlib.md5(content, usedforsecurity=False).hexdigest():
        raise ApiError(400, "invalidPayload", "The md5 does not match the content.", target="md5")
    upload.file = add_file(call, upload.filename, upload.purpose, content, largest=_MAX_BYTES).id
    _drop_parts(call, upload)
    return json_response(_upload_object(call, upload))


def cancel_upload(call: Call) -> Response:
    """Give an upload up."""
    upload = _upload(call)
    upload.cancelled = True
    _drop_parts(call, upload)
    return json_response(_upload_object(call, upload))


def _drop_parts(call: Call, upload: UploadRecord) -> None:
    for part in upload.parts:
        call.world.forget(part)
    call.world.save(upload)
