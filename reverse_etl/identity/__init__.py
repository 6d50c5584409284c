"""Questions about who is who: why identifiers belong together, and what other limits would do."""
