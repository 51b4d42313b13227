"""What settings say about identity, as the stages need it: who makes a worker and who replays a log must say it alike.

Must not know: stores, brokers, what a stage does.
"""

from resolvers.admission import Admission
from resolvers.projecting import Rulebook
from resolvers.pseudonyms import Pseudonyms, mint
from stream.settings import Settings


def admission_of(settings: Settings) -> Admission:
    """What an event's identifiers come to."""
    return Admission(settings.configuration.rules, Pseudonyms(settings.hash_key.reveal().encode()))


def rulebook_of(settings: Settings) -> Rulebook:
    """All that decides how people are published."""
    id_key = settings.id_key.reveal().encode()
    return Rulebook(settings.configuration.rules, frozenset(), lambda key, nth: mint(id_key, key, 0, nth))
