"""What settings say about identity, as the stages need it: who makes a worker and who replays a log must say it alike.

Must not know: stores, brokers, what a stage does.
"""

from collections.abc import Callable
from zoneinfo import ZoneInfo

from resolvers.admission import Admission
from resolvers.judging import Rulebook as MemberRules
from resolvers.projecting import Rulebook
from resolvers.pseudonyms import Pseudonyms, mint
from resolvers.standing import Standing
from stream.config.settings import Settings


def admission_of(settings: Settings) -> Admission:
    """What an event's identifiers come to."""
    return Admission(settings.configuration.rules, Pseudonyms(settings.hash_key.reveal().encode()))


def rulebook_of(settings: Settings, standing: Callable[[], Standing]) -> Rulebook:
    """All that decides how people are published.

    `standing`: says who was erased.
    """
    rules, id_key = settings.configuration.rules, settings.id_key.reveal().encode()
    member = MemberRules(settings.member_rules.rules, ZoneInfo(rules.timezone))

    def was_erased(key: str) -> bool:
        return standing().lives.was_erased(key)

    return Rulebook(rules, frozenset(), lambda key, nth: mint(id_key, key, nth), member, was_erased)
