"""Sources that are asked: an API's pages to landing, each pull with where the next one starts.

A source is a declaration (`model`): where it is, what it needs, and its resources. `pulling`
asks for pages and lands their exact bytes; when landed files are read, `lines` turns each record
of a page into a row of the resource's kind, which goes through the kind's contract like any
other. The sources themselves are in `ingestion/hubspot`, `ingestion/ads` and `ingestion/saas`;
each runs alone: ``python -m ingestion.saas.calendly``.
"""
