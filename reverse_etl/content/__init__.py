"""What messages say: templates, the values they are filled with, the bytes that come of it.

`library` is the door. Sending, and whether somebody may be written to at all, is no part of it.
"""
