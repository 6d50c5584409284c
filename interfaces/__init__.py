"""The doors: command line, and later HTTP. They hold no logic."""

from workspace import settings

settings.quiet_third_parties()  # before anything of theirs is imported
