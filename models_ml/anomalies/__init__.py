"""Days on which a series is not what it used to be.

``judging`` says of one series and day how far it lies from what is expected, ``alerts`` which of
all series' days are told, and ``found`` brings them to the warehouse.
"""
