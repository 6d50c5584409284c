"""The read API: what is published, over HTTP, to who has a key (``docs/read-api.md``).

``GET /api/v1/...`` only. It reads the published version in force and nothing else: no warehouse, no
lake, no ledger. A subject is a module of ``routes``: models of its answers, constant SQL, routes.
"""
