"""Consent over HTTP: the pages behind a message's links, and requests of sites' own forms.

`routes` answers, `pages` draws, `standing` says what holds, `deciding` makes consent events of what
somebody asked for. Each event is in the ledger before its request is answered.
"""
