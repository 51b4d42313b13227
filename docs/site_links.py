"""For the site alone: a link to a file outside of docs/ is text there, because the site does not have the file.

Called by `properdocs build` for each page. Must not know: any page.
"""

import posixpath
import re
from typing import Any

_LINK = re.compile(r"\[([^\]]+)\]\(((?:\.\./)+[^)\s]*)\)")


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:  # noqa: ANN401 - of a tool that is not installed here
    """The page with such links taken out."""
    folder = posixpath.dirname(page.file.src_uri)

    def kept_inside(link: re.Match[str]) -> str:
        outside = posixpath.normpath(posixpath.join(folder, link[2])).startswith("..")
        return link[1] if outside else link[0]

    return _LINK.sub(kept_inside, markdown)
