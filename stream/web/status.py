"""Routes about the engine: whether it is well, how fast it goes, what happened last, what its rules are called.

Must not know: how any of it is measured.
"""

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.requests import Request
from starlette.responses import Response

from stream.lag import EVERY_SECONDS
from stream.pulse import Pulse
from stream.reading.recent import Recently, bounds_in
from stream.web.responses import Entity, available, digest_of, entity, json, limit_in, parameters, refused
from topics.answers import Alive, Live, Readiness, Vocabulary, Whoami
from topics.catalogue import CONFLICTS, MERGES, RESULTS, Topic
from topics.codec import encode

RECENT_DEFAULT: Final = 50
RECENT_MAX: Final = 200

Reasons = Callable[[], Sequence[str]]
"""Why this worker is not ready, as codes; none: it is."""


class StatusRoutes:
    """Says how it goes."""

    def __init__(
        self,
        reasons: Reasons,
        registries: Sequence[CollectorRegistry],
        pulse: Pulse,
        recently: Recently,
        vocabulary: Vocabulary,
    ) -> None:
        self._reasons = reasons
        self._registries = registries
        self._pulse = pulse
        self._recently = recently
        words = encode(vocabulary)
        self._words = Entity(words, digest_of(words))

    async def health(self, _request: Request) -> Response:
        """That this is answered says that the event loop turns, and no more."""
        told: Alive = {"status": "alive"}
        return json(told)

    async def readiness(self, _request: Request) -> Response:
        """Whether it reads and publishes, or why not."""
        reasons = list(self._reasons())
        told: Readiness = {"status": "not_ready" if reasons else "ready", "reasons": reasons}
        return json(told, HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK)

    async def metrics(self, _request: Request) -> Response:
        """For Prometheus."""
        text = b"".join(generate_latest(registry) for registry in self._registries)
        return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def whoami(self, request: Request) -> Response:
        """Whose token was sent."""
        parameters(request)
        told: Whoami = {"role": request.state.role}
        return json(told)

    async def live(self, request: Request) -> Response:
        """How fast the engine went in the last minutes."""
        parameters(request)
        told: Live = {
            "every_seconds": EVERY_SECONDS,
            "beats": list(self._pulse.beats),
            "not_ready": list(self._reasons()),
        }
        return json(told)

    async def vocabulary(self, request: Request) -> Response:
        """What this engine's rules are called."""
        parameters(request)
        return entity(request, self._words)

    def recent(self, topic: Topic) -> Callable[[Request], Awaitable[Response]]:
        """A route that tells what a topic says of anybody, newest first."""
        assert topic in (MERGES, CONFLICTS, RESULTS), "only these are told"

        async def route(request: Request) -> Response:
            query = parameters(request, "limit", "before")
            before = None
            if "before" in query and (before := bounds_in(query["before"])) is None:
                raise refused(HTTPStatus.BAD_REQUEST, "before must be what an earlier page says as next.")
            limit = limit_in(query, RECENT_DEFAULT, RECENT_MAX)
            return json(await available("topic", self._recently.page(topic.name, limit, before)))

        return route
