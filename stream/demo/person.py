"""Why the identifiers of one profile are one person, from the evidence in the store.

Must not know: how a profile is shown, whose profile it is.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from resolvers.component import Component
from resolvers.steps import ReadComponent, ReadHome
from sinks.redis_store import RedisStore
from stream.cli.person_card import links, told
from stream.config.settings import Settings


def reasons(settings: Settings, profile: Mapping[str, Any]) -> list[str]:
    """A sentence for each link of a tree that joins the profile's identifiers.

    Raises:
        StoreError: the store does not answer.
    """
    displays = {f"{one['namespace']}:{one['token']}": one["display"] for one in profile["identifiers"]}
    component = asyncio.run(_component(settings, next(iter(displays))))
    return [told(link, displays) for link in links(component, displays, settings.configuration.rules)]


async def _component(settings: Settings, key: str) -> Component:
    """The component that an identifier is in, wherever it has moved."""
    url = settings.redis_url.reveal()
    store = await RedisStore.open(url, settings.redis_prefix, settings.identity_fingerprint)
    try:
        [name] = await store.execute_many([ReadHome(key)])
        while True:
            found: list[Component] = await store.execute_many([ReadComponent(name)])
            if found[0].moved_to is None:
                return found[0]
            name = found[0].moved_to
    finally:
        await store.close()
