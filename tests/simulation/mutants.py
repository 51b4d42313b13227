"""Committed mutants: the engine with one of its safeguards taken out, to show that the simulation would notice.

A mutant replaces text in the source of one function, so it can't outlive the code that it is about: where the text is
gone, making the mutant fails.
"""

import inspect
import sys
import textwrap
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from resolvers import (
    activity,
    applying,
    arrivals,
    at_rest,
    blocking,
    commanding,
    component,
    constraints,
    counting,
    deciding,
    decisions,
    difference,
    erasing,
    finding,
    grouping,
    linking,
    lives,
    partition,
    people,
    profile_ids,
    projecting,
    publication,
    referring,
    telling,
    uniting,
)
from sinks import memory_store


class Mutant(NamedTuple):
    """`world` begins the names of the worlds, `weather` the names of the weathers, that can show it; "": any.

    `seeds`: within how many of each it must be caught; most are within ten. `first`: where to begin, for what takes a
    rarer log; a seed that once showed it is kept.
    """

    name: str
    function: Callable[..., Any]
    was: str
    becomes: str
    world: str = ""
    weather: str = ""
    seeds: int = 400
    first: int = 0


_SENDING: Callable[..., Any] = vars(difference.Difference)["sending"].fget

MUTANTS = (
    Mutant(
        "no dedupe",
        applying.Work._apply_facts,
        '"new" if there is None else verdict(there.recent, arrival.signature, self._rules.dedupe)',
        '"new"',
    ),
    Mutant(
        "no fence",
        applying.Work._apply_facts,
        "done = there is not None and mark.offset <= there.fence.get(mark.partition, -1)",
        "done, said = False, 'new'",
    ),
    Mutant("a name used again gathers", grouping._counted, 'if known == "reused":', "if False:", world="reusing"),
    Mutant(
        "a name used again is found out too late",
        applying.Work.know_all,
        "self.draft.heard_of(one.key, one.display)",
        "pass",
        world="reusing",
        first=1122,
    ),
    Mutant("absorbs twice", uniting.finish, "name in into.absorbed or", "False or"),
    Mutant(
        "stale cache trusted",
        memory_store.MemoryStore._commit,
        'int(record.get("v", b"0")) != step.version or "to" in record',
        '"to" in record',
    ),
    Mutant(
        "merged_into before the survivor",
        difference._Differ.run,
        "*profiles, *ended",
        "*ended, *profiles",
    ),
    Mutant(
        "hub caps by arrival",
        applying.Work._remembered,
        "facet.strangers = tuple(sorted((*facet.strangers, other)))",
        "pass",
    ),
    Mutant("a weak link joins people", linking.Judge._through_weak, "any(", "False and any("),
    Mutant(
        "strangers contest nothing",
        linking.Judge.contested,
        "if sight.strangers and",
        "if False and",
        "tight",
        "calm",
    ),
    Mutant(
        "drop knows no strangers",
        linking.Judge._contested_by_unique,
        "for other in sight.strangers",
        "for other in ()",
        world="loose, drop",
    ),
    Mutant(
        "unbinds forget replaced cards", linking._unbound, "one_value.get(key, key)", "key", world="cutting", first=67
    ),
    Mutant(
        "logouts of late records win",
        arrivals.apply_cuts,
        "max(facet.logged_out_us, time_us)",
        "time_us",
        world="cutting",
    ),
    Mutant("the fast way knows no logout", partition._is_one_person, "if ended and", "if False and", world="cutting"),
    Mutant(
        "cuts are not structural",
        component.Draft._is_structural,
        " or facet.cuts",
        "",
        world="cutting",
        weather="calm",
        first=536,
    ),
    Mutant(
        "a cut's identifiers are all here",
        applying.Work.apply,
        "cuts or not self._small",
        "not self._small",
        world="cutting",
    ),
    Mutant(
        "a referral is told by who committed it only",
        referring._refer,
        "return root, arrivals[-1]",
        'return Component("nobody"), arrivals[-1]',
        weather="stormy",
        world="cutting, loose, drop",
        first=552,
    ),
    Mutant("a referral counts by event", arrivals.apply_referral, "arrival.strongest", "arrival.touchpoint.id"),
    Mutant(
        "a hub's assertion counts",
        counting.asserted_values,
        " not in ignored",
        " is not None",
        world="loose",
        first=247,
    ),
    Mutant("what was begun is not blank", publication.blanked, "digest=BLANK", ""),
    Mutant("what was begun is computed again", _SENDING, "if self.repeatable", "if True"),
    Mutant(
        "nothing is begun",
        projecting._project,
        "encode(change.state), encode(change.sending)",
        "encode(before), encode(type(change.sending)())",
    ),
    Mutant("what was begun is left", projecting._publication, "found if found.begun is None", "found if True"),
    Mutant("no hand-over", projecting._are_on_their_way, "if one.begun is not None", "if False"),
    Mutant("taken over again", publication.inherited, "if name not in known", "if True"),
    Mutant("takes nothing over", publication.inherited, "if name not in known", "if False"),
    Mutant("moved components publish", memory_store.MemoryStore._intend, ' or "to" in self', " or False and self"),
    Mutant(
        "intents overwrite each other", memory_store.MemoryStore._intend, "record.revision != step.revision", "False"
    ),
    Mutant(
        "notices are not read afresh", projecting._remembered, "not 0 < notice.version <= component.version", "False"
    ),
    Mutant("frozen ones are left", finding.root_of, "if component.pending:", "if False:"),
    Mutant("what is undone holds", constraints.in_force, "if not one.undone", "if True", world="commanded"),
    Mutant("merges lift nothing", constraints.in_force, "in one.lifts", "in ()", world="commanded"),
    Mutant("splits part nobody", counting.kept_apart, "return any(", "return False and any(", world="commanded"),
    Mutant("a ruled hub is linked", linking.free, "key not in silent", "True", world="commanded"),
    Mutant("merged values count each", counting.asserted_values, "in more:", "in ():", world="commanded"),
    Mutant(
        "a moved ruling stays behind",
        component.Component.fields,
        "in of.constraints.items()",
        "in ()",
        world="commanded",
    ),
    Mutant(
        "numbers are told by order",
        at_rest.parse,
        "numbers[key] = number",
        "numbers[key] = str(len(facets))",
        world="erasing",
    ),
    Mutant(
        "decisions overwrite each other",
        memory_store.MemoryStore._decide,
        "self.content.decisions.setdefault(step.command, step.decision)",
        "self.content.decisions.update({step.command: step.decision}) or step.decision",
        world="commanded",
        first=29,
    ),
    Mutant(
        "another body has the last word",
        commanding.obey,
        "_answer(refused, asked), _answer(recorded, asked)",
        "_answer(recorded, asked), _answer(refused, asked)",
        world="commanded",
    ),
    Mutant("an undo forgets", commanding._undone, "undone=True", "undone=False", world="commanded"),
    Mutant("the split are left behind too", deciding._split, "not in own]", "is not None]", world="commanded"),
    Mutant(
        "new ids are not named",
        projecting._sent,
        "if named:",
        "if False:",
        weather="stormy",
    ),
    Mutant("what was put off is left", projecting._may_go_on, "told.state.later or ", ""),
    Mutant("what was put off is forgotten", difference.remaining, "later=before.later[1:]", "later=()"),
    Mutant(
        "what was put off is sent at once",
        difference._Differ.run,
        "tuple(map(tuple, rounds[1:]))",
        "reports.extend(one for some in rounds[1:] for one in some) or ()",
        weather="stormy",
    ),
    Mutant("what moves in puts nothing off", publication._joined, "if other.later", "if False", weather="rough"),
    Mutant("an id that ends keeps its tags", telling.take_back, "if before.tags", "if False"),
    Mutant("what was told is forgotten", telling.tell, "segments, occasions), said", "segments, ()), said"),
    Mutant("nothing is due", projecting._scheduled, "[Schedule(name, after.due_us)]", "[]"),
    Mutant(
        "what was begun is due for nobody",
        projecting._ended,
        "_scheduled(name, publication.state, state)",
        "[]",
        weather="stormy",
    ),
    Mutant("late records bring back", lives.Lives.at, "None if life in history.erased else", "", world="erasing"),
    Mutant("a number has one life", lives.Lives.at, "begin < position for", "False for", world="unbinding"),
    Mutant("a life begins for ever", lives.Lives.at, "begin < position for", "True for", world="unbinding"),
    Mutant(
        "a fence ends nobody", memory_store.MemoryStore._fence, "setdefault(step.name", "get(step.name", world="erasing"
    ),
    Mutant("no tombstones of identifiers", difference._Differ._nobodys, "if key not in self._held", "if False"),
    Mutant("no tombstones of decisions", difference._Differ._rounds, "if erased:", "if False:", world="erasing"),
    Mutant("answers go on naming", erasing._rewritten, "is not answer", "is None", world="erasing"),
    Mutant(
        "dry runs go on naming",
        commanding.obey,
        "yield Rewrite(DRY + asked.id, encode(decided))",
        "pass",
        world="erasing",
    ),
    Mutant("old names lead on", erasing._renamed, "for one in lost", "for one in ()", world="erasing"),
    Mutant("homes are left", erasing._removed, "ForgetHome(key)", "ReadComponent(key)", world="erasing"),
    Mutant("the erased are merged", profile_ids.assign, "erased.append(profile_id)", "pass", world="erasing"),
    Mutant(
        "what was held counts",
        counting.Group.__init__,
        "namespace.person and held",
        "namespace.person",
        world="unbinding",
    ),
    Mutant("a past value counts", counting.Group.__init__, "if held and", "if True and", world="unbinding"),
    Mutant("past numbers are shown", people._person, "if one[0] not in at.ruled.past", "if True", world="unbinding"),
    Mutant("an unbind taken back parts", constraints._same, "one.undone and", "False and", world="unbinding"),
    Mutant(
        "a new life joins the old", constraints.in_force, "if one.apart and", "if one.values and", world="unbinding"
    ),
    Mutant("an unbind forgets whom", decisions.constraints_of, '("ends", "from")', '("ends",)', world="unbinding"),
    Mutant("what is blocked links", constraints.in_force, 'if one.kind == "block")', "if False)", world="blocking"),
    Mutant("a block is for all times", blocking._Span.holds, "self.begin < position", "True", world="blocking"),
    Mutant("a block never ends", blocking._Span.holds, "self.end is None or", "True or", world="blocking"),
    Mutant("a pattern names nobody", blocking.Blocks.drops, "span.holds(position) and", "False and", world="blocking"),
    Mutant(
        "a blocked card is as good",
        partition._partition,
        "silent = ignored | blocked",
        "silent = ignored",
        world="blocking",
    ),
    Mutant(
        "an answer is known by its version",
        projecting._is_answered,
        "component.answered is not publication",
        "component.version != publication.state.component_version",
        world="commanded",
        weather="calm",
    ),
    Mutant(
        "what was sent late is not said again",
        projecting.say_again,
        "if overtaken:",
        "if not names:",
        weather="haunted",
    ),
    Mutant(
        "who ends another's publication late says nothing",
        projecting._ended,
        "if not done and sending.records:",
        "if not done and not sending:",
        weather="haunted",
    ),
    Mutant("a window forgets refunds", activity._window, "orders.refunded)", "{})"),
    Mutant("decisions stand for ever", people._person, "judged.due_us), judged", "due_us), judged"),
)

TOLD_ONCE = Mutant(
    "a ruling is told by who wrote it only",
    commanding._ruled,
    "if name in root.constraints:",
    'if name in root.constraints and (root := Component("nobody")):',
)
MARKS_FIRST = Mutant(
    "marks removed before all is settled",
    projecting._forget_absorbed,
    "*(Settle(name) for name in names), ",
    "",
)
OLD_PUBLISHED = Mutant(
    "old components publish", projecting._project, "component.version < before.component_version", "False"
)
MOVES_ON = Mutant(
    "a move takes a short cut", uniting.finish, "into.name != to or into.version == 0", "into.version == 0"
)
MOVES_TO_NOTHING = Mutant(
    "a move ends in what was deleted", uniting.finish, "into.name != to or into.version == 0", "into.name != to"
)
EMPTY_KEPT = Mutant(
    "who is in nothing is remembered", projecting._projected, "there is not None and not there.facets", "False"
)
NAMES_ONLY = Mutant("what was noted is deleted", erasing._emptied, "one.moved_to is not None", "True")
"""Those that take a moment so rare that it is acted out (`test_rare_moments`) and not waited for."""


def put_in(mutant: Mutant, patch: pytest.MonkeyPatch) -> None:
    """Put the mutated function in the original's place, wherever it was imported to."""
    function = mutant.function
    source = textwrap.dedent(inspect.getsource(function))
    assert mutant.was in source, f"{mutant.name}: {function.__qualname__} does not say {mutant.was!r} any more"
    source = source.replace(mutant.was, mutant.becomes).removeprefix("@property\n")
    module = sys.modules[function.__module__]
    found: dict[str, Any] = {}
    exec(compile(source, f"<{mutant.name}>", "exec"), module.__dict__, found)  # noqa: S102 - our own source, but for one place
    mutated = found[function.__name__]
    owner, _, name = function.__qualname__.rpartition(".")
    if owner:
        at: Any = getattr(module, owner)
        patch.setattr(at, name, property(mutated) if isinstance(vars(at)[name], property) else mutated)
        return
    for user in list(sys.modules.values()):
        if (
            getattr(user, "__name__", "").startswith(("resolvers.", "tests.simulation."))
            and vars(user).get(name) is function
        ):
            patch.setattr(user, name, mutated)
