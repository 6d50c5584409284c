"""What every part of the pipeline shares: paths, settings, clocks, lake, ledger, definitions.

It imports nothing else of the project.
"""
