"""The long description: README.md with links that lead somewhere on an index page too."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

#: Code, which stays; or a Markdown link or image to a file of this repository: no address, and no section of the page.
RELATIVE = re.compile(
    r"(?P<code>```.*?```|`[^`]*`)|(?P<image>!?)(?P<text>\[[^\]]*\])\((?!\w+:|#)(?P<path>[^)\s]+)\)", re.DOTALL
)


def with_addresses(text: str, repository: str, revision: str) -> str:
    """Turn relative links into addresses of the repository.

    Args:
        text: Markdown.
        repository: its address on GitHub, without a slash at the end.
        revision: the tag or branch whose files are linked.

    Returns:
        *text*, whose images come from ``raw`` and whose files from ``blob``.
    """

    def absolute(link: re.Match[str]) -> str:
        if link["code"]:
            return link[0]
        kind = "raw" if link["image"] else "blob"
        return f"{link['image']}{link['text']}({repository}/{kind}/{revision}/{link['path']})"

    return RELATIVE.sub(absolute, text)


class ReadmeHook(MetadataHookInterface):
    """Fill in ``project.readme``."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the readme of *metadata*, which holds the table ``project``, to the changed README.md."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        links = with_addresses(text, metadata["urls"]["Source"], f"v{metadata['version']}")
        metadata["readme"] = {"content-type": "text/markdown", "text": links}
