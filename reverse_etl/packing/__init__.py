"""Packing: the published warehouse as tables in one DuckDB file, to be handed over.

A pack opens in any DuckDB client. Beside the marts it has schema ``pack``: what it was made of,
rows and digest of each table, what became of each column, and the definitions' text. A
pseudonymous one has no identifiers, and ids under a key that is thrown away; a whole one has
everything, schema ``pii`` included.
"""

from reverse_etl.packing.verifying import Checked, verify
from reverse_etl.packing.writer import Packed, PackError, pack

__all__ = ["Checked", "PackError", "Packed", "pack", "verify"]
