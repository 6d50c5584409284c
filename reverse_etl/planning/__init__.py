"""What a change of definitions would do, before a run applies it."""
