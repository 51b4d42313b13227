"""What settings say about identity, as the stages need it: who makes a worker and who replays a log must say it alike.

Must not know: stores, brokers, what a stage does.
"""

from zoneinfo import ZoneInfo

from resolvers.admission import Admission
from resolvers.judging import Rulebook as MemberRules
from resolvers.projecting import Rulebook
from resolvers.pseudonyms import Pseudonyms, mint
from stream.config.settings import Settings


def admission_of(settings: Settings) -> Admission:
    """What an event's identifiers come to."""
    return Admission(settings.configuration.rules, Pseudonyms(settings.hash_key.reveal().encode()))


def rulebook_of(settings: Settings) -> Rulebook:
    """All that decides how people are published."""
    rules, id_key = settings.configuration.rules, settings.id_key.reveal().encode()
    member = MemberRules(settings.member_rules.rules, ZoneInfo(rules.timezone))
    return Rulebook(rules, frozenset(), lambda key, nth: mint(id_key, key, 0, nth), member)
