"""Updates: what consumers read. Every record of every output topic, as the dict that is written.

Dicts, not objects, because they are built once and written at once. Changes are additive: a consumer may meet keys that
it does not know. Units, everywhere: an instant is RFC 3339 text in UTC with a Z; money is decimal text, exact, in the
currency that is its key; `version` is below 2^53 and grows per key.
"""

from typing import Any, Literal, NotRequired, TypedDict

# --- the profile ---------------------------------------------------------------------------------------------------


class Cause(TypedDict):
    """The event or command that brought a change about; of a change that time brought, the deadline and `idweave`."""

    id: str
    source: str


class IdentifierRef(TypedDict):
    """An identifier: of a hashed namespace by its keyed token, of any other by its normalised value."""

    namespace: str
    token: str


class ShownIdentifier(IdentifierRef):
    """An identifier with its form for people: masked where the namespace is hashed."""

    display: str


class ProfileIdentifier(ShownIdentifier):
    """An identifier of a profile, with the event times of its first and last sight."""

    first_seen: str
    last_seen: str


class Membership(TypedDict):
    """`since`: the earliest registration or card, null for who has neither. `legacy`: from an old member base.

    `cards`: card numbers, one that took another's place not counted again.
    """

    since: str | None
    legacy: bool
    cards: int


class WeChat(TypedDict):
    """Accounts followed now; when the latest follow of any account was, and its scene (null if never)."""

    following: list[str]
    followed_at: str | None
    scene: str | None


class LifecycleStage(TypedDict):
    """The stage of the lifecycle and since when: event time, or the instant a threshold passed."""

    stage: str
    since: str


class OpenOrder(TypedDict):
    """An order that is neither delivered nor cancelled."""

    order_id: str
    status: str


class Orders(TypedDict):
    """`count`: orders paid and not cancelled; `paid`, `refunded`: currency -> sum; `first_at`, `last_at`: payments.

    `reached_at`: when the count came to 1, 2, ..., 10.
    """

    count: int
    reached_at: list[str]
    paid: dict[str, str]
    refunded: dict[str, str]
    first_at: str | None
    last_at: str | None
    open: list[OpenOrder]


class Window(TypedDict, total=False):
    """What was done in the last so many days, of UTC, today among them; empty where nothing was done or paid.

    `orders`, `paid`: payments in the window, by the same rules as `Orders`.
    """

    events: int
    orders: int
    paid: dict[str, str]


class WindowValues(TypedDict):
    """What is left of each window's payments after the refunds of the same orders, whenever those were.

    The window's part of the lifetime value.
    """

    d30: dict[str, str]
    d90: dict[str, str]
    d365: dict[str, str]


class Activity(TypedDict):
    """The last doing, and windows of 30, 90 and 365 days up to `at`.

    What the brand, the carrier or time did is no doing: messages sent, coupons issued or expired, points expired,
    shipments, rows of an old member base. `since`: the day on which the present run of activity began, in which there
    is no silence of 90 days; `silence_days`: how long the silence before it was, 0 if there was none.
    """

    last_at: str | None
    since: str | None
    silence_days: int
    d30: Window
    d90: Window
    d365: Window
    value: WindowValues


class Scores(TypedDict):
    """Recency, frequency and monetary value, 1 (weak) to 5 (strong); 0 for who never bought."""

    recency: int
    frequency: int
    monetary: int


class Points(TypedDict):
    """What is left of each kind, and of all points together, also of those without a kind.

    `changed_at`: when points were last earned, spent or expired.
    """

    balance: int
    changed_at: str | None
    consumption: int
    benefit: int
    interaction: int


class Coupons(TypedDict):
    """Ids of coupons issued and neither redeemed nor expired nor past their date, and how many were redeemed.

    `next_expires_at`: when the first of those held runs out.
    """

    held: list[str]
    next_expires_at: str | None
    redeemed: int


class Appointment(TypedDict):
    """An appointment booked and neither kept nor cancelled nor past its time; soonest first, those without last."""

    appointment_id: str
    at: str | None
    service: NotRequired[str | None]
    store: NotRequired[str | None]
    staff: NotRequired[str | None]


class Appointments(TypedDict):
    """Appointments to come, and how many were kept."""

    upcoming: list[Appointment]
    redeemed: int


class Shipment(TypedDict):
    """An order on its way, the last shipped first. `at`: the carrier's last word."""

    order_id: str
    status: str
    carrier: NotRequired[str | None]
    tracking: NotRequired[str | None]
    at: str


class Affinity(TypedDict):
    """Stores and categories bought at or visited most, products viewed last; most telling first."""

    stores: list[str]
    categories: list[str]
    viewed: list[str]


class Touch(TypedDict, total=False):
    """One touch with a channel or a campaign; empty where there was none."""

    channel: str | None
    campaign: str | None
    at: str


class Acquisition(TypedDict):
    """The first and the last touch by event time."""

    first_touch: Touch
    last_touch: Touch


class Referral(TypedDict):
    """`referred_by`: the first inviter's identifier, `namespace:token`; `referred`: how many this person's brought.

    An identifier and not a profile id, because it stays what it is when the inviter's profile merges or splits; the id
    map says whose it is. Nobody refers themselves.
    """

    referred_by: str | None
    referred: int


class Reward(TypedDict):
    """A reward claimed, or that points were spent on."""

    reward: str
    at: str


class Engagement(TypedDict):
    """The latest interaction (campaigns, messages, products, points, coupons redeemed, sharing, surveys).

    `campaigns`: those that the person took part in or came by, the latest first.
    """

    last_at: str | None
    campaigns: list[str]


class ProfileHeader(TypedDict):
    """What every profile-keyed record says. `id`: digest of topic, key, version and content. `at`: when decided."""

    id: str
    profile_id: str
    version: int
    at: str
    cause: Cause


class Profile(ProfileHeader):
    """`profiles`: one person, whole. The last record of a key is the truth; a tombstone means erased.

    `left_out`: only of who is too large for a record (3 MiB): the parts that are told empty though they are not.
    """

    first_seen: str
    last_seen: str
    known: bool
    identifiers: list[ProfileIdentifier]
    traits: dict[str, Any]
    counters: dict[str, int | float]
    completeness: float
    consents: dict[str, bool]
    membership: Membership
    wechat: WeChat
    lifecycle: LifecycleStage
    lifetime_value: dict[str, str]
    orders: Orders
    activity: Activity
    scores: Scores
    points: Points
    tier: str | None
    coupons: Coupons
    rewards: NotRequired[list[Reward]]
    appointments: Appointments
    shipments: list[Shipment]
    affinity: Affinity
    acquisition: Acquisition
    referral: Referral
    engagement: NotRequired[Engagement]
    tags: list[str]
    segments: list[str]
    left_out: NotRequired[list[str]]
    merged_from: list[str]


class MergedAway(TypedDict):
    """`profiles`: the id is no longer a person of its own. `merged_into`: the survivor's profile id."""

    profile_id: str
    version: int
    merged_into: str


# --- the other topics ----------------------------------------------------------------------------------------------


class Identity(IdentifierRef):
    """`identities`: the profile that an identifier belongs to now. `version` is the identifier's own.

    `minted`: the version at which the profile's id was first published; of two ids, the older has the smaller.
    """

    profile_id: str
    version: int
    minted: int


class MovedIdentifier(IdentifierRef):
    """An identifier and the profile that it belongs to after the change."""

    profile_id: str


class EvidenceRef(TypedDict):
    """The event that evidence came from, with its own time."""

    id: str
    source: str
    time: str


# `from` is a keyword, so this key cannot be written as a class's attribute.
_FromProfiles = TypedDict("_FromProfiles", {"from": list[str]})
_FromStage = TypedDict("_FromStage", {"from": str | None})


class Merge(ProfileHeader, _FromProfiles):
    """`merges`: people became one, were parted, exchanged identifiers, or were erased. `from`, `to`: profile ids."""

    type: Literal["merged", "split", "moved", "erased"]
    to: list[str]
    identifiers: list[MovedIdentifier]
    evidence: list[EvidenceRef]


class TagChange(ProfileHeader):
    """`tags`: names of tags gained and lost, and all that hold now."""

    added: list[str]
    removed: list[str]
    tags: list[str]


class LifecycleChange(ProfileHeader, _FromStage):
    """`lifecycle`: from one stage (null at first) to another. `since`: event time, or when a threshold passed."""

    to: str
    since: str


class ValueChange(ProfileHeader):
    """`values`: the lifetime value in one currency; `previous` is `0.00` at first."""

    currency: str
    value: str
    previous: str


class SegmentChange(ProfileHeader):
    """`segments`: a profile entered or left a segment."""

    segment: str
    action: Literal["entered", "exited"]


class Reminder(ProfileHeader):
    """`reminders`: something to tell a person, once per `occasion`, with addresses and what they agreed to."""

    reminder: str
    occasion: str
    payload: dict[str, Any]
    identifiers: list[ShownIdentifier]
    consents: dict[str, bool]


class Conflict(TypedDict):
    """`conflicts`: evidence refused, a value dropped, an event id used twice, or a hub. `rule` names which rule."""

    id: str
    at: str
    identifiers: list[IdentifierRef]
    rule: str
    reason: str
    evidence: list[EvidenceRef]
