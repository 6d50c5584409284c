"""HubSpot, asked with its official client: objects, what is linked to them, and the settings.

`client` is the transport below the official client, `objects` the incremental reading of CRM
objects, `catalogue` what is small enough to be read whole; `source` puts them together.
"""
