"""The desk: pages of `marketing serve` on which people with a key preview, approve, enrol, pause.

Each page asks and records by the functions that the commands do. What belongs here is who may do
what, the form that came and the page that answers.
"""
