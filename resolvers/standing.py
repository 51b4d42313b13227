"""Standing: what operators' commands make of records, by the records' places in the log.

What a command leaves behind for sessions to come is put up with a fence (`resolvers.steps.Fence`); a session reads all
of it when it begins, and every later command that changes it ends the session.
Must not know: how a command is carried out.
"""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from resolvers.admission import Admission
from resolvers.blocking import Blocked, Blocks, Lifted
from resolvers.lives import Ended, Lives

LeftBehind = Ended | Blocked | Lifted


class Standing(NamedTuple):
    """Lives that are over, and values that are blocked."""

    lives: Lives
    blocks: Blocks


def standing_of(remembered: Iterable[bytes], admission: Admission) -> Standing:
    """What commands have left behind, ready for use. `remembered`: with the store's fences."""
    everything = [_decoder.decode(one) for one in remembered if one]
    seal = admission.pseudonyms.seal
    return Standing(
        Lives([one for one in everything if isinstance(one, Ended)], seal),
        Blocks([one for one in everything if not isinstance(one, Ended)], seal, admission.blocklist),
    )


_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[LeftBehind] = msgspec.msgpack.Decoder(LeftBehind)


def encode(said: LeftBehind) -> bytes:
    """What a command leaves behind, at rest."""
    return _encoder.encode(said)
