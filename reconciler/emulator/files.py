"""Routes below `/files`."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.multipart import Part, read_form
from reconciler.emulator.records import FileRecord
from reconciler.emulator.routing import Call, On
from reconciler.emulator.training import BOM
from reconciler.emulator.wire import ApiError, Response, Surface, json_response, whole_number

_PURPOSES = frozenset(
    {
        "fine-tune",
        "fine-tune-results",
        "assistants",
        "assistants_output",
        "batch",
        "batch_output",
        "evals",
        "evals_output",
    }
)
_EXPIRES_SECONDS = {On.PREVIEW: (1_209_600, 2_592_000), On.V1: (3_600, 2_592_000)}


def is_processed(file: FileRecord, now: float) -> bool:
    """Whether the service is done with it."""
    return now >= file.created + file.processing_s


def _status(file: FileRecord, at: float) -> str:
    if at < file.created + file.processing_s / 2:
        return "pending"
    if not is_processed(file, at):
        return "running"
    return "processed" if file.error is None else "error"


def file_object(call: Call, file: FileRecord, at: float) -> dict[str, Any]:
    """A file as the service answers it."""
    status = _status(file, at)
    value: dict[str, Any] = {
        "id": file.id,
        "object": "file",
        "bytes": _size(call, file, at),
        "created_at": int(_visible_from(call, file)),
        "filename": file.filename,
        "purpose": file.purpose,
        "status": status,
        "status_details": file.error if status == "error" else None,
    }
    if file.expires is not None:
        value["expires_at"] = int(file.expires)
    return value


def _size(call: Call, file: FileRecord, at: float) -> int:
    """Its size; that of a file on its way from a URL is not known yet."""
    if file.job is not None:
        return len(content_of(call, file))
    return 0 if file.imported and not is_processed(file, at) else file.size


def content_of(call: Call, file: FileRecord) -> bytes:
    """The bytes of a file; those of a result file are computed."""
    if file.job is None:
        return call.world.store.content(file.id)
    job = call.account.jobs.get(file.job)
    return b"" if job is None else call.world.results(job, call.now)


def _visible_from(call: Call, file: FileRecord) -> float:
    """A result file comes into being when its job starts."""
    job = call.account.jobs.get(file.job) if file.job is not None else None
    return file.created if job is None else call.world.start_of(job)


def _exists(call: Call, file: FileRecord, at: float) -> bool:
    if file.created > at or (file.deleted is not None and file.deleted <= at):
        return False
    if file.expires is not None and file.expires <= at:
        return False
    if file.job is None:
        return True
    job = call.account.jobs.get(file.job)
    return job is not None and call.world.phase(job, at).started


def _file(call: Call) -> FileRecord:
    file = call.account.files.get(call.ids[0])
    if file is None or not _exists(call, file, call.now):
        raise ApiError(404, "notFound", f"The specified file '{call.ids[0]}' could not be found.")
    return file


def list_files(call: Call) -> Response:
    """Newest first. The GA surface has no pages and no `has_more`."""
    query, at = call.request.query, call.now - call.world.config.list_delay_s
    purpose = query.get("purpose")
    files = [
        file
        for file in reversed(call.account.files.values())
        if (not purpose or file.purpose == purpose) and _exists(call, file, at)
    ]
    if call.on is On.GA and call.world.config.ga_files_ignore_after:
        return json_response({"object": "list", "data": [file_object(call, file, at) for file in files]})
    if query.get("order") == "asc":
        files.reverse()
    after = query.get("after")
    if after:
        place = next((n for n, file in enumerate(files) if file.id == after), len(files))
        files = files[place + 1 :]
    if call.on is On.GA:
        return json_response({"object": "list", "data": [file_object(call, file, at) for file in files]})
    limit = whole_number(query, "limit", 10_000, 1, 10_000)
    data = [file_object(call, file, at) for file in files[:limit]]
    value: dict[str, Any] = {"object": "list", "data": data, "has_more": len(files) > limit}
    if call.surface is Surface.V1:
        value["first_id"] = data[0]["id"] if data else None
        value["last_id"] = data[-1]["id"] if data else None
    return json_response(value)


def get_file(call: Call) -> Response:
    """One file, current."""
    return json_response(file_object(call, _file(call), call.now))


def delete_file(call: Call) -> Response:
    """Delete a file; a job that uses it does not stand in the way (specification)."""
    file = _file(call)
    file.deleted = call.now
    call.world.forget(file.id)
    call.world.save(file)
    return json_response({"id": file.id, "deleted": True, "object": "file"})


def get_content(call: Call) -> Response:
    """The bytes of a file."""
    file = _file(call)
    if not is_processed(file, call.now):
        raise ApiError(409, "conflict", "The file is still being processed.")
    content = content_of(call, file)
    if not call.world.config.keep_bom:
        content = content.removeprefix(BOM)
    return Response(
        200,
        {
            "content-type": "application/octet-stream",
            "content-disposition": f"attachment; filename={file.id}",
        },
        content,
    )


def create_file(call: Call) -> Response:
    """Upload a file in one request."""
    form = read_form(call.request)
    purpose = _field(form, "purpose")
    part = form.get("file")
    if part is None or part.filename is None:
        raise ApiError(400, "invalidPayload", "The file field is required.", target="file")
    if not part.content_type:
        raise ApiError(400, "invalidPayload", "The file has no or an empty content type specified.", target="file")
    file = add_file(call, part.filename, purpose, bytes(part.data), expires=_expires(call, form))
    return created(call, file)


def created(call: Call, file: FileRecord) -> Response:
    """The answer to a new file: 201 and its place on the dated surface, 200 on v1."""
    value = file_object(call, file, call.now)
    if call.surface is Surface.V1:
        return json_response(value)
    root = call.request.path.removesuffix("/import")
    return json_response(value, 201, {"location": f"{call.base_url}{root}/{file.id}"})


def add_file(
    call: Call,
    filename: str,
    purpose: str,
    content: bytes,
    *,
    expires: float | None = None,
    error: str | None = None,
    largest: int | None = None,
    imported: bool = False,
) -> FileRecord:
    """Keep a new file.

    Raises:
        ApiError: The purpose is unknown, or a limit is reached.
    """
    config = call.world.config
    check_purpose(purpose)
    if not config.limits_off:
        _check_limits(call, purpose, len(content), config.max_file_bytes if largest is None else largest)
    if config.refuse_bom and content.startswith(BOM):
        error = "The file starts with a byte-order mark."
    file = FileRecord(
        id=f"file-{call.world.hex()}",
        account=call.account.name,
        created=call.now,
        filename=filename if config.filename_cut is None else filename[: config.filename_cut],
        purpose=purpose,
        size=len(content),
        processing_s=config.file_processing_seconds + (config.import_seconds if imported else 0.0),
        error=error,
        expires=expires,
        imported=imported,
    )
    call.world.store.keep(file.id, content)
    call.world.save(file)
    return file


def check_purpose(purpose: object) -> None:
    """Raise ApiError for a purpose that is not known."""
    if purpose not in _PURPOSES:
        raise ApiError(400, "invalidPayload", f"The purpose '{purpose}' is not supported.", target="purpose")


def _check_limits(call: Call, purpose: str, size: int, largest: int) -> None:
    config = call.world.config
    if size > largest:
        megabytes = largest // (1024 * 1024)
        raise ApiError(400, "invalidPayload", f"The maximum allowed size is {megabytes} MB", target="file")
    if purpose != "fine-tune":
        return
    kept = [file for file in call.account.files.values() if file.deleted is None and file.purpose == purpose]
    if len(kept) >= config.max_files:
        raise ApiError(400, "quotaExceeded", f"The maximum number of {config.max_files} fine-tune files is reached.")
    if sum(file.size for file in kept) + size > config.max_total_bytes:
        raise ApiError(400, "quotaExceeded", "The maximum total size of all fine-tune files is reached.")


def _field(form: dict[str, Part], name: str) -> str:
    part = form.get(name)
    if part is None or not part.data:
        raise ApiError(400, "invalidPayload", f"The {name} field is required.", target=name)
    return part.text()


def _expires(call: Call, form: dict[str, Part]) -> float | None:
    """`expires_after[seconds]` as the SDK sends it, `expires_after.seconds` as the specification writes it."""
    part = form.get("expires_after[seconds]") or form.get("expires_after.seconds")
    if part is None or call.on is On.GA:
        return None
    low, high = _EXPIRES_SECONDS[call.on]
    return call.now + whole_number({"expires_after": part.text()}, "expires_after", 0, low, high)
