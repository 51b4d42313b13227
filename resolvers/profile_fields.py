"""The fields of a profile that a rule may read: each has a path, a kind, and an instant since when its value holds.

Rules: fields are those of the contract, section 4, without the frame (`id`, `version`, `at`, ...), because what is
decided must follow from the contents; a test compares the table with the profile's type. A path through a list reads
that part of each of its entries; `.count` after a list is how many entries it has.
Must not know: operators, conditions, which rules there are.
"""

from typing import Final, Literal, NamedTuple

Kind = Literal["number", "money", "text", "flag", "list", "instant", "deadline", "anything"]
"""A `money` is decimal text. An `instant` is an event's time, a `deadline` may lie ahead. `anything`: a trait."""

COUNT: Final = "count"

FIELDS: Final[dict[str, Kind]] = {
    "first_seen": "instant",
    "last_seen": "instant",
    "known": "flag",
    "membership.since": "instant",
    "membership.legacy": "flag",
    "membership.cards": "number",
    "wechat.following": "list",
    "wechat.followed_at": "instant",
    "wechat.scene": "text",
    "orders.count": "number",
    "orders.first_at": "instant",
    "orders.last_at": "instant",
    "activity.last_at": "instant",
    "activity.since": "instant",
    "activity.silence_days": "number",
    "activity.d30.events": "number",
    "activity.d30.orders": "number",
    "activity.d90.events": "number",
    "activity.d90.orders": "number",
    "activity.d365.events": "number",
    "activity.d365.orders": "number",
    "points.changed_at": "instant",
    "points.balance": "number",
    "points.consumption": "number",
    "points.benefit": "number",
    "points.interaction": "number",
    "coupons.held": "list",
    "coupons.next_expires_at": "deadline",
    "coupons.redeemed": "number",
    "appointments.redeemed": "number",
    "affinity.stores": "list",
    "affinity.categories": "list",
    "affinity.viewed": "list",
    "acquisition.first_touch.channel": "text",
    "acquisition.first_touch.campaign": "text",
    "acquisition.first_touch.at": "instant",
    "acquisition.last_touch.channel": "text",
    "acquisition.last_touch.campaign": "text",
    "acquisition.last_touch.at": "instant",
    "referral.referred_by": "text",
    "referral.referred": "number",
    "engagement.last_at": "instant",
    "engagement.campaigns": "list",
}

ENTRIES: Final[dict[str, dict[str, Kind]]] = {
    "identifiers": {
        "namespace": "text",
        "token": "text",
        "display": "text",
        "first_seen": "instant",
        "last_seen": "instant",
    },
    "orders.open": {"order_id": "text", "status": "text"},
    "appointments.upcoming": {
        "appointment_id": "text",
        "at": "deadline",
        "service": "text",
        "store": "text",
        "staff": "text",
    },
    "shipments": {
        "order_id": "text",
        "status": "text",
        "carrier": "text",
        "tracking": "text",
        "at": "instant",
    },
    "rewards": {"reward": "text", "at": "instant"},
}
"""Lists of records: what each entry has."""

OPEN: Final[dict[str, Kind]] = {
    "traits": "anything",
    "counters": "number",
    "consents": "flag",
    "lifetime_value": "money",
    "orders.paid": "money",
    "orders.refunded": "money",
    "activity.d30.paid": "money",
    "activity.d90.paid": "money",
    "activity.d365.paid": "money",
    "activity.value.d30": "money",
    "activity.value.d90": "money",
    "activity.value.d365": "money",
}
"""Where names are the brand's own: a trait (of any depth), a counter, a consent, a currency."""

DECIDED: Final[dict[str, Kind]] = {
    "completeness": "number",
    "scores.recency": "number",
    "scores.frequency": "number",
    "scores.monetary": "number",
    "tier": "text",
    "lifecycle.stage": "text",
    "lifecycle.since": "instant",
    "tags": "list",
    "segments": "list",
}
"""What rules decide, in the order in which they do: a rule reads what is decided before it."""

FRAME: Final = frozenset({"id", "profile_id", "version", "at", "cause", "merged_from"})
"""What publication adds; no rule reads it."""

_SINCE: Final = {
    "membership": "membership.since",
    "wechat": "wechat.followed_at",
    "orders": "orders.last_at",
    "lifetime_value": "orders.last_at",
    "points": "points.changed_at",
    "activity": "activity.last_at",
    "activity.d30.paid": "orders.last_at",
    "activity.d30.orders": "orders.last_at",
    "activity.d90.paid": "orders.last_at",
    "activity.d90.orders": "orders.last_at",
    "activity.d365.paid": "orders.last_at",
    "activity.d365.orders": "orders.last_at",
    "activity.value": "orders.last_at",
    "engagement": "engagement.last_at",
    "acquisition.first_touch": "acquisition.first_touch.at",
    "acquisition.last_touch": "acquisition.last_touch.at",
}


class Field(NamedTuple):
    """One field. `entries` is the path of the list whose entries it is a part of, or ""; `counted`: it is a length."""

    path: str
    kind: Kind
    entries: str = ""
    counted: bool = False

    @property
    def since(self) -> str | None:
        """The instant that moves when the value does: at the latest then it became what it is; None: not kept."""
        for end in (3, 2, 1):
            if found := _SINCE.get(".".join(self.path.split(".")[:end])):
                return found
        return None


def field_of(path: str) -> Field | None:
    """The field at a path; None: there is none."""
    if kind := FIELDS.get(path) or DECIDED.get(path):
        return Field(path, kind)
    if path in ENTRIES:
        return Field(path, "list")
    before, _, last = path.rpartition(".")
    if last == COUNT and before and (listed := field_of(before)) is not None and listed.kind == "list":
        return Field(path, "number", counted=True)
    if before in ENTRIES:
        return Field(path, kind, before) if (kind := ENTRIES[before].get(last)) else None
    for prefix, kind in OPEN.items():
        name = path.removeprefix(f"{prefix}.")
        if name != path and all(name.split(".")) and (kind == "anything" or "." not in name):
            return Field(path, kind)
    return None


def known_paths() -> list[str]:
    """Every path that has a name of ours, for hints; of the open ones an example."""
    entries = [f"{path}.{part}" for path, parts in ENTRIES.items() for part in parts]
    examples = [f"{path}.{'CNY' if kind == 'money' else 'name'}" for path, kind in OPEN.items()]
    return [*FIELDS, *ENTRIES, *entries, *DECIDED, *examples]
