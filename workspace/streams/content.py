"""Content items, templates and assets."""

from __future__ import annotations

from workspace.streams.shapes import INT, TEXT, TIME, Stream, stream

STREAMS: list[Stream] = [
    stream(
        "content",
        "content_items",
        "content_id known_at",
        [
            ("content_id", TEXT),
            ("title", TEXT),
            ("content_type", TEXT),
            ("vertical", TEXT),
            ("language", TEXT),
            ("topic", TEXT),
            ("persona", TEXT),
            ("stage", TEXT),
            ("channel", TEXT),
            ("url", TEXT),
            ("status", TEXT),
            ("published_at", TIME),
        ],
        "Content library: one row per item and modification.",
    ),
    stream(
        "content",
        "template_versions",
        "template channel language known_at",
        [
            ("template", TEXT),
            ("template_version", TEXT),  # hash of all that decides what is sent
            ("channel", TEXT),
            ("language", TEXT),
            ("status", TEXT),  # active | draft | retired
            ("template_name", TEXT),
            ("description", TEXT),
            ("vertical", TEXT),
            ("message_class", TEXT),
            ("purpose", TEXT),
            ("default_language", TEXT),
            ("drafted_by", TEXT),
            ("subject", TEXT),  # of a push message its title
            ("preheader", TEXT),
            ("html", TEXT),
            ("text", TEXT),
            ("link", TEXT),
            ("required_sources", TEXT),  # separated by commas, sorted
            ("optional_sources", TEXT),
            ("least_segments", INT),  # of a text message, without its merge tags
            ("part", TEXT),  # JSON that renders it again
            ("file_hash", TEXT),  # of this row's content
            ("sequence", INT),
        ],
        "What marketing/templates said: one row per template, channel and language, and change of "
        "the template.",
        lineage=False,
    ),
    stream(
        "content",
        "assets",
        "asset known_at",
        [
            ("asset", TEXT),
            ("content_hash", TEXT),
            ("status", TEXT),  # active | retired
            ("media_type", TEXT),
            ("size_bytes", INT),
            ("width_px", INT),
            ("height_px", INT),
            ("published_name", TEXT),
            ("sequence", INT),
        ],
        "What lay in marketing/assets: one row per file and change of its content.",
        lineage=False,
    ),
]
