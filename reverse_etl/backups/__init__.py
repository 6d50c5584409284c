"""Backups: what a workspace cannot compute again, in a folder of its own, and the way back.

A backup holds landing, the lake and the ledger. It holds no pepper: whoever has a backup alone
has keyed hashes without the key, beside the original bytes, and cannot make them anew. It holds
no witness, which must outlive it, and nothing that a run makes again (`docs/backups.md`).
"""

from reverse_etl.backups.making import Made, make
from reverse_etl.backups.proving import prove
from reverse_etl.backups.restoring import Restored, after_restore, restore
from reverse_etl.backups.store import BackupError, Store

__all__ = ["BackupError", "Made", "Restored", "Store", "after_restore", "make", "prove", "restore"]
