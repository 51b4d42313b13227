"""The console's files over HTTP: the page at `/`, the rest below `/console/`.

Rules: only what is in the folder when the process starts is served; the page may load scripts, styles and pictures from
this server and from nowhere else, and nothing that is written into it runs.
Must not know: what the console does.
"""

from http import HTTPStatus
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from stream import console
from stream.web.responses import Entity, digest_of, entity, refused

FOLDER: Final = Path(console.__file__).parent
INDEX: Final = "index.html"
MEDIA_TYPES: Final = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'"
)


class PageRoutes:
    """Serves the console."""

    def __init__(self) -> None:
        self._files = {
            file.name: Entity(body, digest_of(body), MEDIA_TYPES[file.suffix])
            for file in sorted(FOLDER.iterdir())
            if file.suffix in MEDIA_TYPES and (body := file.read_bytes())
        }

    async def page(self, request: Request) -> Response:
        """The page."""
        answer = entity(request, self._files[INDEX])
        answer.headers["Content-Security-Policy"] = POLICY
        return answer

    async def file(self, request: Request) -> Response:
        """One of the files that the page asks for."""
        name = request.path_params["name"]
        if name not in self._files:
            raise refused(HTTPStatus.NOT_FOUND, "The console has no such file.")
        return entity(request, self._files[name])
