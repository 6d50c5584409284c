"""Between an intended message and the outbox: who may be sent what, and when."""
