"""The console's files: every word in both languages, every command its form, nothing from elsewhere; serving them."""

import json
import re

from resolvers.difference import REASONS
from stream.web.pages import FOLDER, POLICY
from tests.stream.small_site import TOKENS, Site
from topics.commands import COMMAND_TYPES

LABELS: dict[str, dict[str, str]] = json.loads((FOLDER / "labels.json").read_text())
SOURCES = "\n".join(file.read_text() for file in sorted(FOLDER.iterdir()) if file.suffix in {".js", ".html"})


def test_every_word_is_there_twice_and_used() -> None:
    """Each key that a script or the page asks for is in the table, in both languages; none is there for nobody."""
    asked = set(re.findall(r'\b(?:t\(|data-t=)\s*"([\w.]+)"', SOURCES))
    parts = set(re.findall(r"\bt\(`([\w.]+)\.\$\{", SOURCES))
    parts |= set(re.findall(r"table\[`([\w.]+)\.\$\{", SOURCES))
    assert asked <= LABELS.keys()
    unused = {key for key in LABELS if f'"{key}"' not in SOURCES and key.rpartition(".")[0] not in parts}
    assert not unused
    for key, words in LABELS.items():
        assert words.keys() == ({"zh"} if key.startswith("rule.") else {"en", "zh"}), key
        assert set(re.findall(r"\{\w+\}", words.get("en", words["zh"]))) == set(re.findall(r"\{\w+\}", words["zh"])), (
            key
        )


def test_every_rule_and_every_command_has_its_words() -> None:
    """What the engine may say is in the table; forms ask for exactly the fields that commands have."""
    assert {f"rule.{rule}" for rule in REASONS} | {f"short.{rule}" for rule in REASONS} <= LABELS.keys()
    forms = json.loads((FOLDER / "forms.json").read_text())
    common = {"id", "time", "by", "reason", "dry_run"}
    assert {name: {field["name"] for field in form["fields"]} for name, form in forms.items()} == {
        str(command.__struct_config__.tag): set(command.__struct_encode_fields__) - common for command in COMMAND_TYPES
    }
    for name, form in forms.items():
        assert {f"type.{name}", f"about.{name}"} <= LABELS.keys()
        assert {f"field.{field['name']}" for field in form["fields"]} <= LABELS.keys()


def test_what_a_script_imports_is_there_and_used() -> None:
    """There is no build that would notice: every name that is imported is exported there, and used here."""
    scripts = {file.name: file.read_text() for file in FOLDER.iterdir() if file.suffix == ".js"}
    exported = {
        name: set(re.findall(r"^export (?:async )?(?:function|const|let|class) (\w+)", text, re.MULTILINE))
        for name, text in scripts.items()
    }
    wanted: set[tuple[str, str]] = set()
    for text in scripts.values():
        for names, source in re.findall(r'^import \{ ([^}]+) \} from "\./([\w.]+)";', text, re.MULTILINE):
            for one in names.split(", "):
                assert one in exported[source], f"{one} of {source}"
                assert len(re.findall(rf"\b{one}\b", text)) > 1, f"{one} is not used"
                wanted.add((source, one))
    assert {(name, one) for name, found in exported.items() for one in found} == wanted


def test_nothing_comes_from_elsewhere() -> None:
    """No address of another host is in any file, and nothing parses text as markup."""
    files = "\n".join(path.read_text() for path in FOLDER.iterdir() if path.is_file())
    assert not re.findall(r"https?://(?!www\.w3\.org/)", files)
    assert not re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", files)


async def test_the_page_and_its_files_are_served_to_anybody() -> None:
    """Each with its type and a tag, the page with a policy that lets nothing else in; what is not there is 404."""
    async with Site().served(tokens=TOKENS) as client:
        page = await client.get("/")
        assert page.headers["content-security-policy"] == POLICY
        assert page.headers["content-type"].startswith("text/html")
        for name in ("/console/forms.json", *re.findall(r'"(/console/[^"]+)"', page.body.decode())):
            file = await client.get(name)
            assert (file.status, len(file.body) > 0) == (200, True), name
            assert (await client.get(name, if_none_match=file.headers["etag"])).status == 304
        assert (await client.get("/console/app.js")).headers["content-type"].startswith("text/javascript")
        for name in ("__init__.py", "nothing.js", "..%2Fguard.py", "%2e%2e/app.py"):
            assert (await client.get(f"/console/{name}")).problem["status"] == 404, name
