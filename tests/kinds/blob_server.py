"""A web server on this machine that data is imported from, and that behaves as badly as it is told to."""

from __future__ import annotations

from local_server import LocalServer, SilentHandler


class BlobServer(LocalServer):
    """Serves `files` by path. `need` is the query that a request must have; `lie` is added to the announced length."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.need = ""
        self.lie = 0
        self.redirect = ""
        self.asked: list[str] = []
        outer = self

        class Handler(SilentHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                path, _, query = self.path.partition("?")
                data = outer.files.get(path)
                if outer.redirect:
                    self._answer(302, b"", Location=outer.redirect)
                elif outer.need and query != outer.need:
                    self._answer(403, b"<Error/>", **{"x-ms-error-code": "AuthenticationFailed"})
                elif data is None:
                    self._answer(404, b"<Error/>", **{"x-ms-error-code": "BlobNotFound"})
                else:
                    self._answer(200, data)

            def _answer(self, status: int, body: bytes, **headers: str) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body) + (outer.lie if status == 200 else 0)))
                self.end_headers()
                self.wfile.write(body)
                self.close_connection = True

        super().__init__(Handler)
