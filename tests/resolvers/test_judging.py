"""Judging: decisions follow from contents, rules and now, and stand exactly until the instant that is named."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NotRequired, Required, get_args, get_origin, get_type_hints, is_typeddict
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolvers.activity import NEVER_DUE_US
from resolvers.judging import Judged, Rulebook
from resolvers.profile_fields import DECIDED, ENTRIES, FIELDS, FRAME, OPEN, field_of
from resolvers.reminding import Key, Occasion
from resolvers.rule_why import why
from resolvers.rules import All, AnyOf, Check, Condition, Labels, Not, Reminder, Rule, Rules
from stream.config.rules_file import PACKAGED_FILE, read_rules
from topics.instants import DAY_US, to_text, to_us
from topics.updates import Profile

ZONE = ZoneInfo("Asia/Shanghai")
NOW_US = to_us(datetime(2026, 11, 21, 4, tzinfo=UTC))
DEFAULT = read_rules(Path(PACKAGED_FILE))[0].rules
DEFAULT_BOOK = Rulebook(DEFAULT, ZONE)
LABELS = Labels("a rule", "规则")


def rule(name: str, when: Condition | None) -> Rule:
    """A rule with labels that nobody reads."""
    return Rule(name=name, labels=LABELS, when=when)


def book(**sections: Any) -> Rulebook:  # noqa: ANN401 - sections of different types
    """Rules with one stage unless more are given."""
    return Rulebook(Rules(**{"lifecycle": (rule("prospect", None),), **sections}), ZONE)


def holds(condition: Condition, contents: Mapping[str, Any], now_us: int = NOW_US) -> bool:
    """Whether a condition holds, as a tag."""
    return bool(book(tags=(rule("it", condition),)).judge(contents, now_us).additions["tags"] == ["it"])


def decisions(judged: Judged) -> tuple[object, ...]:
    """All that time could change."""
    return judged.additions, list(judged.occasions)


# --- a naive interpreter, written from docs/rules.md ---------------------------------------------------------------


def naive(condition: Condition, contents: Mapping[str, Any], now_us: int) -> bool:
    """What a condition says, without compiling anything."""
    match condition:
        case All():
            return all(naive(part, contents, now_us) for part in condition.parts)
        case AnyOf():
            return any(naive(part, contents, now_us) for part in condition.parts)
        case Not():
            return not naive(condition.part, contents, now_us)
        case Check():
            return naive_check(condition, contents, now_us)


def naive_check(check: Check, contents: Mapping[str, Any], now_us: int) -> bool:
    """One check: any entry of a list, 0 for a number that is not there, days of 24 hours."""
    field = field_of(check.field)
    assert field is not None
    values: list[Any] = [contents]
    for part in check.field.split("."):
        values = [one.get(part) if isinstance(one, dict) else None for one in values]
        values = [one for value in values for one in (value if isinstance(value, list) and field.entries else [value])]
    if field.entries:
        values = [one for one in values if one is not None]
    if field.kind in ("number", "money"):
        values = [float(one or 0) for one in values]
    return any(naive_value(check, one, now_us, happened=field.kind == "instant") for one in values)


def naive_value(check: Check, value: Any, now_us: int, *, happened: bool) -> bool:  # noqa: ANN401 - JSON
    """One value."""
    wanted: Any = check.value
    match check.operator:
        case "equals" | "not_equals" | "in":
            among = wanted if check.operator == "in" else (float(wanted),) if isinstance(value, float) else (wanted,)
            found = any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in among)
            return not found if check.operator == "not_equals" else found
        case "contains":
            return value is not None and bool(wanted in value)
        case "is" if wanted == "this_month":
            here = datetime.fromtimestamp(now_us // 1_000_000, ZONE)
            return value is not None and int(value[-5:-3]) == here.month
        case "is":
            return bool((value not in (None, "", [], {})) == (wanted == "set"))
        case "at_least" | "at_most" | "more_than" | "less_than":
            return naive_number(check, value)
        case _:
            return value is not None and naive_date(check, to_us(datetime.fromisoformat(value)), now_us, happened)


def naive_number(check: Check, value: Any) -> bool:  # noqa: ANN401 - JSON
    """A bound; what is no number passes none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    bound = float(str(check.value))
    found = {"at_least": value >= bound, "at_most": value <= bound, "more_than": value > bound}
    return found.get(check.operator, value < bound)


def naive_date(check: Check, at_us: int, now_us: int, happened: bool) -> bool:  # noqa: FBT001 - of the field
    """A date; what has happened is never ahead."""
    since_us = now_us - at_us
    assert isinstance(check.value, int)
    if check.operator == "within_last_days":
        return since_us < check.value * DAY_US and (happened or since_us >= 0)
    if check.operator == "more_than_days_ago":
        return since_us >= check.value * DAY_US
    return -check.value * DAY_US <= since_us < 0


# --- people and conditions by lot ----------------------------------------------------------------------------------

INSTANTS = st.integers(-400 * 24, 24).map(lambda hours: to_text(NOW_US + hours * DAY_US // 24))
AHEAD = st.integers(-40 * 24, 40 * 24).map(lambda hours: to_text(NOW_US + hours * DAY_US // 24))
COUNTS = st.integers(0, 4)
AMOUNTS = st.sampled_from(["0.00", "99.50", "1000.00", "3500.00"])
BIRTHDAYS = st.sampled_from(["1990-11-03", "--12-24", "2001-01-31", "1988-02-29"])
TRAITS = st.fixed_dictionaries(
    {},
    optional={
        "birthday": BIRTHDAYS,
        "age": st.one_of(st.integers(0, 90), st.just("forty"), st.booleans()),
        "name": st.sampled_from(["", "Lin"]),
        "likes": st.lists(st.sampled_from(["tea", "silk"]), max_size=2),
    },
)
MAYBE = st.one_of(st.none(), INSTANTS)
CONTENTS = st.fixed_dictionaries(
    {
        "first_seen": INSTANTS,
        "last_seen": INSTANTS,
        "known": st.booleans(),
        "traits": TRAITS,
        "membership": st.fixed_dictionaries({"since": MAYBE, "legacy": st.booleans(), "cards": COUNTS}),
        "orders": st.fixed_dictionaries({"count": COUNTS, "first_at": MAYBE, "last_at": MAYBE}),
        "lifetime_value": st.fixed_dictionaries({}, optional={"CNY": AMOUNTS}),
        "activity": st.fixed_dictionaries(
            {"last_at": MAYBE, "d365": st.one_of(st.just({}), st.fixed_dictionaries({"orders": COUNTS}))},
            optional={"since": INSTANTS, "silence_days": st.integers(0, 300)},
        ),
        "wechat": st.fixed_dictionaries({"following": st.lists(st.just("main"), max_size=1), "followed_at": MAYBE}),
        "coupons": st.fixed_dictionaries({"held": st.just([])}, optional={"next_expires_at": AHEAD}),
        "appointments": st.fixed_dictionaries(
            {"upcoming": st.lists(st.fixed_dictionaries({"at": AHEAD, "store": st.just("SH-001")}), max_size=3)}
        ),
        "identifiers": st.lists(
            st.fixed_dictionaries({"namespace": st.sampled_from(["phone", "openid", "mac"])}), max_size=2
        ),
        "points": st.fixed_dictionaries({"balance": st.integers(0, 2000)}, optional={"changed_at": INSTANTS}),
    }
)
DAYS = st.integers(1, 200)


def checks(field: str, operators: tuple[str, ...], values: st.SearchStrategy[Any]) -> st.SearchStrategy[Check]:
    """Checks of one field."""
    return st.builds(Check, st.just(field), st.sampled_from(operators), values)


LAST = ("within_last_days", "more_than_days_ago")
DATED = st.one_of(
    checks("activity.last_at", LAST, DAYS),
    checks("membership.since", LAST, DAYS),
    checks("coupons.next_expires_at", (*LAST, "within_next_days"), DAYS),
    checks("traits.birthday", ("is",), st.just("this_month")),
)
CHECKS = st.one_of(
    DATED,
    checks("orders.count", ("equals", "not_equals", "at_least", "at_most", "more_than", "less_than"), COUNTS),
    checks("lifetime_value.CNY", ("at_least", "less_than", "equals"), st.sampled_from(["99.50", "1000"])),
    checks("activity.d365.orders", ("at_least", "less_than"), COUNTS),
    checks("known", ("equals", "not_equals"), st.booleans()),
    checks("membership.since", ("is",), st.sampled_from(["set", "missing"])),
    checks("appointments.upcoming.at", (*LAST, "within_next_days"), DAYS),
    checks("appointments.upcoming.store", ("equals",), st.sampled_from(["SH-001", "SH-002"])),
    checks("identifiers.namespace", ("in",), st.just(("openid", "mac"))),
    checks("traits.age", ("at_least", "less_than"), st.just(18)),
    checks("traits.name", ("is",), st.sampled_from(["set", "missing"])),
    checks("traits.likes", ("contains",), st.just("tea")),
    checks("wechat.following", ("is",), st.sampled_from(["set", "missing"])),
)
CONDITIONS: st.SearchStrategy[Condition] = st.recursive(
    CHECKS,
    lambda parts: st.one_of(
        st.lists(parts, min_size=1, max_size=4).map(lambda some: All(tuple(some))),
        st.lists(parts, min_size=1, max_size=4).map(lambda some: AnyOf(tuple(some))),
        parts.map(Not),
    ),
    max_leaves=8,
)


# --- claims --------------------------------------------------------------------------------------------------------


@given(CONDITIONS, CONTENTS, st.integers(-100, 100))
def test_a_compiled_condition_says_what_a_naive_reading_says(
    condition: Condition, contents: dict[str, Any], days: int
) -> None:
    """Whatever is put together however, at whatever instant."""
    now_us = NOW_US + days * DAY_US
    assert holds(condition, contents, now_us) == naive(condition, contents, now_us)


@given(CONDITIONS, CONTENTS, st.floats(0, 1))
def test_nothing_changes_before_it_is_due(condition: Condition, contents: dict[str, Any], part: float) -> None:
    """Between an instant and the next due one, whatever is decided stays."""
    stages = (rule("prospect", None), rule("other", condition))
    reminder = Reminder(name="told", labels=LABELS, when=condition, occasion="month")
    judge = book(lifecycle=stages, tags=(rule("it", condition),), reminders=(reminder,))
    now = judge.judge(contents, NOW_US)
    assert now.due_us > NOW_US
    last_us = min(now.due_us, NOW_US + 2000 * DAY_US) - 1
    for then_us in (last_us, NOW_US + int((last_us - NOW_US) * part)):
        assert decisions(judge.judge(contents, then_us)) == decisions(now)


@given(CONTENTS, st.floats(0, 1))
def test_the_default_rules_stand_until_they_are_due(contents: dict[str, Any], part: float) -> None:
    """The same of all default rules at once, which look at one another."""
    now = DEFAULT_BOOK.judge(contents, NOW_US)
    last_us = min(now.due_us, NOW_US + 2000 * DAY_US) - 1
    for then_us in (last_us, NOW_US + int((last_us - NOW_US) * part)):
        assert decisions(DEFAULT_BOOK.judge(contents, then_us)) == decisions(now)


@given(DATED, CONTENTS)
def test_a_single_check_changes_when_it_is_due(check: Check, contents: dict[str, Any]) -> None:
    """Nobody is woken for nothing: where one date alone decides, the due instant is that of the change."""
    judge = book(tags=(rule("it", check),))
    now = judge.judge({**contents, "orders": {}}, NOW_US)
    if now.due_us < NEVER_DUE_US:
        then = judge.judge({**contents, "orders": {}}, now.due_us)
        assert then.additions["tags"] != now.additions["tags"]


def _says(judged: Judged) -> tuple[object, ...]:
    """What is told of a judgement, without the values that it was made by."""
    return (judged.additions, judged.due_us, judged.occasions, judged.wrong)


@given(CONTENTS)
def test_judging_again_says_the_same(contents: dict[str, Any]) -> None:
    """Other profiles and other instants in between leave no trace, and neither do copies of the rules."""
    first = DEFAULT_BOOK.judge(contents, NOW_US)
    DEFAULT_BOOK.judge({}, NOW_US + 40 * DAY_US)
    assert _says(DEFAULT_BOOK.judge(contents, NOW_US)) == _says(first)
    assert _says(Rulebook(DEFAULT, ZONE).judge(contents, NOW_US)) == _says(first)


@given(CONTENTS)
def test_decisions_that_a_profile_has_already_do_not_count(contents: dict[str, Any]) -> None:
    """A published profile is judged like the contents that it was made from."""
    first = DEFAULT_BOOK.judge(contents, NOW_US)
    stale = {"tier": "gold", "tags": ["x"], "segments": ["y"], "completeness": 1, "lifecycle": {"stage": "at_risk"}}
    assert _says(DEFAULT_BOOK.judge({**contents, **stale}, NOW_US)) == _says(first)


@given(CONTENTS, st.permutations(DEFAULT.tags), st.permutations(DEFAULT.segments))
def test_the_order_of_tags_and_segments_makes_no_difference(
    contents: dict[str, Any], tags: list[Rule], segments: list[Rule]
) -> None:
    """Only stages and tiers are ordered."""
    turned = Rulebook(
        Rules(
            completeness=DEFAULT.completeness,
            scores=DEFAULT.scores,
            tiers=DEFAULT.tiers,
            lifecycle=DEFAULT.lifecycle,
            tags=tuple(tags),
            segments=tuple(segments),
        ),
        ZONE,
    )
    assert turned.judge(contents, NOW_US).additions == DEFAULT_BOOK.judge(contents, NOW_US).additions


@given(CONDITIONS, CONTENTS)
def test_why_agrees_with_what_was_decided(condition: Condition, contents: dict[str, Any]) -> None:
    """The explanation says of the whole what judging says, and of `all` and `any` what their parts say."""
    judge = book(tags=(rule("it", condition),))
    [told] = why(judge, contents, NOW_US, "it")
    assert told.holds == told.counts == (judge.judge(contents, NOW_US).additions["tags"] == ["it"])
    assert told.condition is not None
    parts = [part.holds for part in told.condition.parts]
    expected = {"all of": all(parts), "any of": any(parts), "not": parts == [False]}
    assert told.condition.holds == expected.get(told.condition.asks, told.holds)


@given(CONTENTS)
def test_a_stage_is_since_an_instant_that_has_come(contents: dict[str, Any]) -> None:
    """At the latest since now, but for an event that is dated ahead; never before the person was first seen."""
    since = DEFAULT_BOOK.judge(contents, NOW_US).additions["lifecycle"]["since"]
    assert contents["first_seen"] <= since <= to_text(NOW_US + DAY_US)


# --- by hand -------------------------------------------------------------------------------------------------------


def test_a_stage_begins_when_its_threshold_passed() -> None:
    """Dormant since 180 days after the last doing, not since anybody looked; and active since the run began."""
    quiet = {"first_seen": "2025-01-01T00:00:00Z", "activity": {"last_at": "2026-01-01T00:00:00Z"}, "known": True}
    sleeping = {**quiet, "orders": {"count": 1, "last_at": "2026-01-01T00:00:00Z"}}
    assert DEFAULT_BOOK.judge(sleeping, NOW_US).additions["lifecycle"] == {
        "stage": "dormant",
        "since": "2026-06-30T00:00:00Z",
    }
    loyal = {
        "first_seen": "2026-01-01T00:00:00Z",
        "activity": {"last_at": "2026-11-20T00:00:00Z", "since": "2026-08-01T00:00:00Z", "silence_days": 0},
        "orders": {
            "count": 4,
            "last_at": "2026-11-20T00:00:00Z",
            "reached_at": [f"2026-0{month}-05T00:00:00Z" for month in (2, 3, 9)],
        },
    }
    assert DEFAULT_BOOK.judge(loyal, NOW_US).additions["lifecycle"] == {
        "stage": "loyal",
        "since": "2026-09-05T00:00:00Z",
    }


def test_what_a_later_stage_leaves_begins_where_that_ended() -> None:
    """A member who did nothing falls back to prospect when the thirty days of the new are over."""
    contents = {"first_seen": "2026-01-01T00:00:00Z", "membership": {"since": "2026-01-10T00:00:00Z"}}
    assert DEFAULT_BOOK.judge(contents, NOW_US).additions["lifecycle"] == {
        "stage": "prospect",
        "since": "2026-02-09T00:00:00Z",
    }


def test_a_trait_of_another_kind_is_reported_and_not_there() -> None:
    """Neither is anything raised, nor does one wrong trait spoil other rules."""
    judge = book(
        tags=(
            rule("adult", Check("traits.age", "at_least", 18)),
            rule("known", Check("known", "equals", True)),  # noqa: FBT003 - the value
        )
    )
    judged = judge.judge({"known": True, "traits": {"age": "forty", "birthday": 7}}, NOW_US)
    assert judged.additions["tags"] == ["known"]
    assert (judged.wrong, judged.failed) == (("traits.age",), ("tags.adult",))
    assert judge.judge({"known": True, "traits": {"age": True}}, NOW_US).wrong == ("traits.age",)


def test_months_are_those_of_the_time_zone() -> None:
    """A birthday month begins at midnight in Shanghai, which is four in the afternoon before in UTC."""
    condition = Check("traits.birthday", "is", "this_month")
    contents = {"traits": {"birthday": "--12-24"}}
    begins_us = to_us(datetime(2026, 11, 30, 16, tzinfo=UTC))
    assert not holds(condition, contents, begins_us - 1)
    assert holds(condition, contents, begins_us)
    assert book(tags=(rule("it", condition),)).judge(contents, NOW_US).due_us == begins_us


def told(contents: dict[str, Any], before: list[Key], now_us: int = NOW_US) -> list[Occasion]:
    """What the default rules tell."""
    judged = DEFAULT_BOOK.judge(contents, now_us)
    return DEFAULT_BOOK.to_tell(judged, before)


MEMBER: dict[str, Any] = {
    "first_seen": "2026-11-21T00:00:00Z",
    "last_seen": "2026-11-21T03:00:00Z",
    "membership": {"since": "2026-11-21T03:00:00Z", "legacy": False, "cards": 0},
    "points": {"balance": 10, "changed_at": "2026-11-21T03:00:00Z"},
}


def test_an_occasion_is_told_once() -> None:
    """What held when the person was last published is not told again, and `once` not with another date either."""
    keys = list(DEFAULT_BOOK.judge(MEMBER, NOW_US).occasions)
    assert {one.key.reminder for one in told(MEMBER, [])} == {"registration_done", "points_changed"}
    assert told(MEMBER, keys) == []
    earlier = {**MEMBER, "membership": {**MEMBER["membership"], "since": "2026-11-21T02:00:00Z"}}
    assert told(earlier, keys) == []
    more = {**MEMBER, "points": {"balance": 30, "changed_at": "2026-11-21T03:30:00Z"}}
    assert [(one.key.reminder, one.payload) for one in told(more, keys)] == [("points_changed", {"balance": 30})]


def test_importing_history_tells_nothing() -> None:
    """An occasion that is a day old is no news."""
    assert told(MEMBER, [], NOW_US + 2 * DAY_US) == []


def test_only_a_higher_tier_is_an_upgrade() -> None:
    """Down and sideways nothing is said; up again it is."""

    def buyer(paid: str) -> dict[str, Any]:
        orders = {"count": 2, "last_at": "2026-11-21T03:30:00Z"}
        return {**MEMBER, "orders": orders, "activity": {"d365": {"orders": 2}, "value": {"d365": {"CNY": paid}}}}

    gold = list(DEFAULT_BOOK.judge(buyer("3000.00"), NOW_US).occasions)
    silver = list(DEFAULT_BOOK.judge(buyer("1000.00"), NOW_US).occasions)
    assert [one.payload for one in told(buyer("3000.00"), silver)] == [{"tier": "gold"}]
    assert told(buyer("1000.00"), gold) == []
    assert told(buyer("3000.00"), gold) == []


def test_each_parcel_is_an_occasion() -> None:
    """The payload is the parcel's own."""
    parcels = [{"order_id": name, "carrier": "SF", "at": "2026-11-21T03:30:00Z"} for name in ("SO-1", "SO-2")]
    found = told({**MEMBER, "shipments": parcels}, [Key("shipment", "SO-1")])
    assert [one.payload["order_id"] for one in found if one.key.reminder == "shipment"] == ["SO-2"]


def leaves(hint: Any, path: str = "") -> dict[str, Any]:  # noqa: ANN401 - a type
    """The paths of a typed dict, down to what is none."""
    while get_origin(hint) in (NotRequired, Required):
        [hint] = get_args(hint)
    if not is_typeddict(hint):
        return {path: hint}
    found: dict[str, Any] = {}
    for name, one in get_type_hints(hint).items():
        found |= leaves(one, f"{path}.{name}" if path else name)
    return found


def test_fields_are_those_of_the_profile() -> None:
    """Rules can read every field of a profile but its frame, and no field that there is not."""
    ours = leaves(Profile)
    mapped = {*FIELDS, *ENTRIES, *OPEN, *DECIDED}
    unread = {"orders.reached_at", "left_out"}  # what a count's beginning is taken from; what is known only after rules
    assert {path for path in ours if path.partition(".")[0] not in FRAME} - unread == mapped
    for path, parts in ENTRIES.items():
        assert set(leaves(get_args(ours[path])[0])) == set(parts)


@pytest.mark.parametrize(
    "path", ["orders.cuont", "id", "traits", "traits.", "orders.open.sku", "lifetime_value", "", "."]
)
def test_there_is_no_such_field(path: str) -> None:
    """A path that leads nowhere is no field."""
    assert field_of(path) is None
