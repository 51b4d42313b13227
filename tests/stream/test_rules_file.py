"""`rules.yaml` and `idweave rules`: every mistake is named at its place, and what the guide shows works."""

import json
import re
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson
import pytest

from resolvers.judging import Rulebook
from resolvers.profile_fields import field_of
from resolvers.rule_why import why
from stream.cli.main import run
from stream.cli.rules import lines
from stream.config.conditions_file import OPERATORS
from stream.config.rules_file import PACKAGED_FILE, RulesFile, read_rules

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
DEFAULT = (ROOT / "rules.yaml").read_text(encoding="utf-8")
STAGES = "lifecycle: {prospect: {labels: {en: P, zh: P}}}\n"
KEYS = {
    "IDWEAVE_HASH_KEY": "hash-key-for-tests-that-is-long-enough",
    "IDWEAVE_ID_KEY": "id-key-for-tests-that-is-long-enough-too",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder and an environment without settings, but for the two keys."""
    monkeypatch.chdir(tmp_path)
    for name, key in KEYS.items():
        monkeypatch.setenv(name, key)
    for name in ("IDWEAVE_BROKERS", "IDWEAVE_REDIS_URL", "IDWEAVE_CONFIG", "IDWEAVE_RULES"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def mistakes(folder: Path, text: str) -> list[str]:
    """What is wrong with a file, without the folder's name."""
    file = folder / "rules.yaml"
    file.write_text(text, encoding="utf-8")
    return [str(one).replace(f"{folder}/", "") for one in read_rules(file)[1]]


def tag(when: str) -> str:
    """A file with one tag."""
    return f"{STAGES}tags:\n  a:\n    labels: {{en: A, zh: A}}\n    when: {when}\n"


def default() -> RulesFile:
    """The packaged rules, without a mistake."""
    found, wrong = read_rules(PACKAGED_FILE)
    assert wrong == ()
    return found


def test_the_package_ships_the_file_of_the_root() -> None:
    """The packaged file is a link to the root's, so that the two cannot drift."""
    assert PACKAGED_FILE.resolve() == (ROOT / "rules.yaml").resolve()
    assert len(default().examples) >= 10


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (
            "{field: orders.cuont, at_least: 2}",
            "5:19: tags.a.when.field: a profile has no such field; did you mean 'orders.count'?",
        ),
        ("{field: orders.count, atleast: 2}", "5:33: tags.a.when.atleast: unknown operator; did you mean 'at_least'?"),
        (
            "{field: orders.count, at_least: two}",
            "5:43: tags.a.when.at_least: must be a number; write it without quotes",
        ),
        ("{field: known, equals: 1}", "5:34: tags.a.when.equals: must be true or false"),
        ("{field: tags, contains: b}", "tags is decided after tags, or with them"),
        ("{field: version, at_least: 2}", "rules look at what a profile says, not at its frame"),
        ("{field: lifetime_value, at_least: 2}", "name which one: lifetime_value.CNY"),
        ("{field: orders, at_least: 2}", "name which one: orders.count, orders.first_at"),
        (
            "{field: orders.last_at, at_least: 2}",
            "orders.last_at is the time of something that happened: use within_last_days",
        ),
        (
            "{field: orders.count, is: set}",
            "cannot be asked of this field; orders.count is a number (0 where there is none)",
        ),
        ("{field: traits.birthday, is: this_moth}", "unknown value; known are: missing, set, this_month"),
        ("{field: orders.last_at, within_last_days: 0}", "must be a whole number of days from 1 to 36500"),
        ("{field: orders.count, at_least: 1, at_most: 2}", "a check has one operator; use all: for several"),
        ("{field: orders.count}", "a check has one operator; known are: equals"),
        ("{at_least: 1}", "tags.a.when.field: is missing"),
        ("{all: []}", "must be a list of 1 to 100 conditions"),
        ("{all: [5]}", "5:18: tags.a.when.all[0]: must be a condition"),
        ("{any: [{field: known, equals: true}], not: {}}", "says more than one thing"),
        ("high", "must be a condition; write it as {field: orders.count, at_least: 2}"),
        ("{not: {not: {not: {not: {not: {not: {not: {not: {not: {}}}}}}}}}}", "more than 8 deep"),
    ],
)
def test_a_mistake_in_a_condition_has_a_place_and_a_hint(folder: Path, when: str, expected: str) -> None:
    """One mistake gives one line, which says where it is and what to do."""
    [found] = mistakes(folder, tag(when))
    assert expected in found
    assert found.startswith("rules.yaml:5:")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "the file is empty"),
        ("tags: {}\n", "lifecycle: is missing; everybody is in a stage"),
        (f"{STAGES}tag: {{}}\n", "2:1: tag: unknown setting; did you mean 'tags'?"),
        (f"{STAGES}completeness: [name, name]\n", "names a trait twice"),
        (f"{STAGES}completeness: [7]\n", "2:16: completeness[0]: must be text"),
        (f"{STAGES}tags: {{High: {{}}}}\n", "this cannot be a rule's name"),
        (f"{STAGES}tags: {{a: }}\n", "2:8: tags.a: says nothing"),
        (f"{STAGES}scores: {{frequency: [1, 2, 2, 3]}}\n", "must be four whole numbers above 0"),
        (f"{STAGES}scores: {{monetary: {{CNY: [1, x, 3, 4]}}}}\n", "must be four amounts above 0"),
        (f"{STAGES}reminders: {{max_age: soon}}\n", "must be a number of hours or days; write it as 24h or 7d"),
        (f"{STAGES}examples: {{one: {{expect: {{}}}}}}\n", "examples.one.profile: is missing"),
        (f"{STAGES}examples: {{one: {{profile: {{tier: a}}, expect: {{}}}}}}\n", "tier is decided by the rules"),
        (f"{STAGES}examples: {{one: {{profile: {{odrers: 1}}, expect: {{}}}}}}\n", "a profile has no odrers"),
        (f"{STAGES}examples: {{one: {{profile: {{}}, expect: {{stage: x}}}}}}\n", "unknown value; known are: prospect"),
        (
            "lifecycle:\n  a: {labels: {en: A, zh: A}, when: {field: known, equals: true}}\n",
            "the first stage is everybody's",
        ),
        ("lifecycle:\n  a: {labels: {en: A}}\n", "lifecycle.a.labels.zh: is missing"),
        ("lifecycle:\n  a: {}\n", "lifecycle.a.labels: is missing; write it as labels: {en: ..., zh: ...}"),
        ("lifecycle: [\n", "this is not YAML"),
    ],
)
def test_a_mistake_around_rules_has_a_place_and_a_hint(folder: Path, text: str, expected: str) -> None:
    """Sections, labels, scores, reminders and examples are read as strictly as conditions."""
    [found] = mistakes(folder, text)
    assert expected in found


def test_a_wrong_rule_is_one_mistake_wherever_it_is_named(folder: Path) -> None:
    """An example that expects a rule with a mistake is not wrong itself; a name that nobody declared is."""
    expected = "tags: [a], no_tags: [b], tier: t, stage: later"
    text = (
        "tags: {a: {labels: {en: A, zh: A}, when: {field: nosuch, equals: 1}}}\n"
        "tiers: {t: {labels: {en: T}}}\n"
        f"examples: {{one: {{profile: {{}}, expect: {{{expected}}}}}}}\n"
    )
    stages = STAGES.replace("}}}", "}}, later: {labels: {en: L, zh: L}, when: 5}}")
    found = mistakes(folder, stages + text)
    assert [one.split(": ")[1] for one in found] == [
        "tiers.t.labels.zh",
        "tiers.t.when",
        "lifecycle.later.when",
        "tags.a.when.field",
        "examples.one.expect.no_tags",
    ]


A_TAG = "tags:\n  a:\n    labels: {en: A, zh: A}\n"
KNOWN = "when: {field: known, equals: true}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{A_TAG}\t{KNOWN}", "5:1: this is not YAML; a tab is no indentation: use spaces"),
        (f"{A_TAG}    \t{KNOWN}", "5:5: this is not YAML; a tab is no indentation: use spaces"),
        ("tags\uff1a\n  a:\n    labels: {en: A, zh: A}\n", "2:5: this is not YAML; '\uff1a' is a Chinese colon"),
        (
            f"tags:\n  a\uff1a\n    {KNOWN}",
            "3:4: this is not YAML; '\uff1a' is a Chinese colon: write a colon and a space",
        ),
        (
            f"{A_TAG}    when: {{field\uff1a known, equals: true}}\n",
            "5:12: tags.a.when.field\uff1a known: this is no name; '\uff1a' is a Chinese colon",
        ),
        ("tags:\n  a:\n    labels: {en: A\uff0c zh: A}\n", "4:19: this is not YAML; '\uff0c' is a Chinese comma"),
        (
            f"{A_TAG}    when: {{field: traits.city, in: [X, Y\uff0cZ]}}\n",
            "5:40: tags.a.when.in: is one text; '\uff0c' is a Chinese comma: write an ordinary comma, or put the whole",
        ),
        (
            f"{A_TAG}    when: {{field: traits.city, equals: \u201cX\u201d}}\n",
            "5:40: tags.a.when.equals: is one text; '\u201c' is a curly quote: write an ordinary \"",
        ),
        (
            f"{A_TAG}    when: \uff5bfield: known\uff5d\n",
            "5:11: this is not YAML; '\uff5b' is a Chinese bracket: write {{",
        ),
        (
            f"{A_TAG}    when: {{field: orders.count, at_least: \uff12}}\n",
            "5:43: tags.a.when.at_least: must be a number; '\uff12' is a Chinese digit: write 2",
        ),
        (
            f"{A_TAG}    when: {{field:\u3000known, equals: true}}\n",
            "5:12: tags.a.when.field:\u3000known: this is no name; U+3000 is a Chinese space: write ordinary spaces",
        ),
        (f"{A_TAG}   {KNOWN}", "5:4: this is not YAML: expected <block end>"),
        (f"{A_TAG}   {KNOWN}", "this line begins after 3 spaces: begin it where the lines beside it begin"),
        (f"{A_TAG}      {KNOWN}", "5:7: this is not YAML: expected <block end>"),
        (
            f"{A_TAG}    {KNOWN}  {KNOWN}",
            "6:3: tags.when: this is no rule, but a part of one; indent it under its rule",
        ),
        (
            f"{A_TAG}    when: {{field:known, equals: true}}\n",
            "5:12: tags.a.when.field:known: this is no name; write a space after the colon: field: known",
        ),
        (
            f"{A_TAG}    when:\n      field:known\n      equals: true\n",
            "6:13: this is not YAML; write a space after the colon",
        ),
        (
            f"{A_TAG}    when:\n      all:\n        -{{field: known, equals: true}}\n",
            "7:10: this is not YAML; write a space",
        ),
        (f"{A_TAG}    when: {{field: known, equals: true\n  b: {{}}\n", "the bracket of line 5 is not closed"),
        (
            'tags:\n  a:\n    labels: {en: "A, zh: A}\n',
            "4:18: this is not YAML; the quote that begins here does not end",
        ),
        (f"{A_TAG}    {KNOWN}  a: {{}}\n", "6:3: this is not YAML: found duplicate key; this name was there before"),
        (
            f'{A_TAG}    when: {{field: orders.count, ">=": 2}}\n',
            "5:33: tags.a.when.>=: unknown operator; write at_least",
        ),
        (
            f"{A_TAG}    when: {{field: lifetime_value.CNY, at_least: 1,000}}\n",
            "5:51: tags.a.when.0: this is no name; a comma ends a number: write 1000",
        ),
        (
            f"{A_TAG}    when: orders.count >= 2\n",
            "5:11: tags.a.when: must be a condition; write it as {field: orders.count",
        ),
    ],
)
def test_a_slip_of_the_pen_is_told_as_such(folder: Path, text: str, expected: str) -> None:
    """Tabs, Chinese punctuation, forgotten spaces and wrong indentation: one line with the place, and what to write."""
    [found] = mistakes(folder, STAGES + text)
    assert expected.replace("{{", "{") in found


@pytest.mark.parametrize(
    "when", ["{field: traits.city, equals: 'X\uff0cY'}", "{field: traits.city, equals: X\uff08Y\uff09}"]
)
def test_what_is_meant_so_is_read_so(folder: Path, when: str) -> None:
    """Chinese punctuation in quotes is text, and so is a bracket in the middle of a name; in comments it is nothing."""
    assert mistakes(folder, f"# \u9ad8\uff0c\u4f4e\uff1a\n{tag(when)}") == []


def test_a_file_in_another_encoding_is_told_how_to_be_saved(folder: Path) -> None:
    """As old editors of Chinese Windows write it."""
    file = folder / "rules.yaml"
    file.write_bytes(f"{STAGES}# \u9ad8\n".encode("gb18030"))
    [found] = read_rules(file)[1]
    assert str(found).endswith("it is not UTF-8; save it as UTF-8")


def test_an_occasion_has_to_tell_occasions_apart(folder: Path) -> None:
    """A list, a flag or a trait cannot; `upwards` needs something with a height; a payload has fields."""
    text = f"""{STAGES}reminders:
  x:
    labels: {{en: A, zh: A}}
    when: {{field: known, equals: true}}
    occasion: known
    upwards: true
    payload: {{a: nope}}
"""
    found = mistakes(folder, text)
    assert len(found) == 2
    assert "6:15: reminders.x.occasion: known has no values that tell occasions apart" in "\n".join(found)


def test_config_check_reads_the_rules_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistake in `rules.yaml` is a mistake of the configuration: exit 2, with its place."""
    assert run(["config", "check"]) == 0
    assert "13 tags, 7 stages, 4 tiers, 10 segments, 6 reminders" in capsys.readouterr().out
    (folder / "rules.yaml").write_text(tag("{field: orders.cuont, at_least: 2}"))
    assert run(["config", "check"]) == 2
    assert "rules.yaml:5:19: tags.a.when.field" in capsys.readouterr().err
    assert run(["config", "check", "--rules", str(PACKAGED_FILE)]) == 0


def test_the_default_rules_say_what_their_examples_expect(capsys: pytest.CaptureFixture[str]) -> None:
    """The default file is its own test."""
    assert run(["rules", "test"]) == 0
    assert "all as expected" in capsys.readouterr().out


def test_an_example_that_fails_is_told_and_ends_with_1(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each expectation that is not met is a line: what, what was expected, what was found."""
    file = folder / "mine.yaml"
    file.write_text(DEFAULT.replace("expect: {stage: dormant, tier: blue,", "expect: {stage: active, tier: gold,"))
    assert run(["rules", "test", "mine.yaml"]) == 1
    out = capsys.readouterr().out
    assert "and sleeps                                    FAILED\n" in out
    assert "    stage: expected active, found dormant\n    tier: expected gold, found blue\n" in out
    assert run(["rules", "test", "mine.yaml", "--json"]) == 1
    [failed] = [one for one in json.loads(capsys.readouterr().out) if not one["ok"]]
    assert failed["failures"][0] == {"what": "stage", "expected": "active", "found": "dormant"}


def test_why_of_an_unknown_rule_is_a_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """It is said before anybody's profile is looked for."""
    assert run(["rules", "why", "phone:13800138000", "high_spendr"]) == 2
    assert capsys.readouterr().err == "There is no rule 'high_spendr'; did you mean 'high_spender'?\n"
    assert run(["rules", "why", "phone:13800138000", "tag.high_spendr"]) == 2
    assert capsys.readouterr().err == "There is no rule 'tag.high_spendr'; did you mean 'tags.high_spender'?\n"
    assert run(["rules", "why", "phone:13800138000", "nosuch"]) == 2
    assert capsys.readouterr().err == f"There is no rule 'nosuch'; {PACKAGED_FILE} has their names.\n"


def test_why_shows_each_condition_with_its_value() -> None:
    """What was asked, what was seen, whether it holds, and until when."""
    contents = orjson.loads((ROOT / "topics" / "examples" / "profiles.jsonl").read_text().splitlines()[0])
    book = Rulebook(default().rules, ZoneInfo("Asia/Shanghai"))
    [one] = why(book, contents, 1_795_233_660_125_007, "segments.high_value_at_risk")
    assert list(lines(one)) == [
        "segment high_value_at_risk (High value at risk, 高价值流失风险): does not hold",
        "  no   all of",
        '    no   lifecycle.stage is one of at_risk, dormant: "active"',
        '    no   lifetime_value.CNY is at least 3000: "1399.00"',
    ]
    [stage] = why(book, contents, 1_795_233_660_125_007, "active")
    assert "    yes  activity.last_at is within the last 90 days" in "\n".join(lines(stage))
    assert "(until 2027-02-19 04:01 UTC)" in "\n".join(lines(stage))


@pytest.mark.parametrize("block", re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL))
def test_what_the_guide_shows_is_read(folder: Path, block: str) -> None:
    """Each example of the guide is read without a mistake, put in the place of the default's section."""
    section = block.partition(":")[0]
    sections = re.split(r"^(?=[a-z]+:)", DEFAULT, flags=re.MULTILINE)
    kept = [one for one in sections if not one.startswith((f"{section}:", "examples:"))]
    assert mistakes(folder, "".join(kept) + block) == []
    if section == "examples":
        assert run(["rules", "test", "rules.yaml"]) == 0


def test_the_guide_names_every_operator_and_no_field_that_there_is_not() -> None:
    """What is written there can be written in the file."""
    table = GUIDE.partition("## Operators")[2].partition("## ")[0]
    assert all(f"`{operator}" in table for operator in OPERATORS if operator != "is")
    for path in re.findall(r"`((?:[a-z_0-9]+\.)+[A-Za-z_]+)`", GUIDE):
        assert path.startswith(("rules.yaml", "idweave.")) or field_of(path) is not None, path
