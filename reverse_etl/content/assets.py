"""Pictures and documents that messages point to: `marketing/assets/*`."""

from __future__ import annotations

import hashlib
import re
import struct
from dataclasses import dataclass
from pathlib import Path

from workspace.definitions.reading import DefinitionError

FOLDER = "assets"
LARGEST = 10 << 20
#: What mail programs show and people can save; nothing that runs.
MEDIA_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".pdf": "application/pdf",
    ".mp4": "video/mp4",
    ".ics": "text/calendar",
}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_BEGINNINGS = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "image/gif": b"GIF8",
    "application/pdf": b"%PDF-",
}


@dataclass(frozen=True)
class Asset:
    """A file, known by its content: a changed one has another address, an old mail keeps its."""

    name: str
    content_hash: str
    media_type: str
    size_bytes: int
    width_px: int | None = None
    height_px: int | None = None

    @property
    def published_name(self) -> str:
        return f"{self.content_hash[:16]}-{self.name}"


def load_assets(folder: Path) -> dict[str, Asset]:
    """The assets of a definitions folder by name. Raises :class:`DefinitionError`."""
    found: dict[str, Asset] = {}
    faults: list[str] = []
    paths = sorted((folder / FOLDER).iterdir()) if (folder / FOLDER).is_dir() else []
    for path in paths:
        fault = None
        if path.name.startswith("."):
            continue
        if path.is_symlink() or not path.is_file():
            fault = "is no file"
        elif not _NAME.fullmatch(path.name):
            fault = "a name has letters, digits, '.', '_' and '-' only"
        elif path.suffix.lower() not in MEDIA_TYPES:
            fault = f"of no kind that is served; there are {', '.join(MEDIA_TYPES)}"
        elif path.stat().st_size > LARGEST:
            fault = f"is larger than {LARGEST >> 20} MiB"
        if fault is None:
            content = path.read_bytes()
            media_type = MEDIA_TYPES[path.suffix.lower()]
            if not content.startswith(_BEGINNINGS.get(media_type, b"")):
                fault = f"is no {media_type}"
        if fault is not None:
            faults.append(f"{path}:1: {fault}")
            continue
        width, height = _dimensions(media_type, content)
        digest = hashlib.sha256(content).hexdigest()
        found[path.name] = Asset(path.name, digest, media_type, len(content), width, height)
    if faults:
        raise DefinitionError(faults)
    return found


def _dimensions(media_type: str, content: bytes) -> tuple[int | None, int | None]:
    if media_type == "image/png" and len(content) >= 24:
        return struct.unpack(">II", content[16:24])
    if media_type == "image/gif" and len(content) >= 10:
        return struct.unpack("<HH", content[6:10])
    return None, None
