"""Stand-ins for vendors' APIs, one module each: the same addresses, paging, credentials and
shapes as the vendor's documentation gives, over data of the demo world.

A module has ``ENVIRONMENT`` (what our side sets to be let in), ``make`` (the vendor's data for
some people, ending at a time), ``counts`` (how many records of each resource that is) and ``app``
(the server). `vendors` lists them.
"""
