"""What anonymous rows keep because figures are counted by it, and because it is nobody's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address


@dataclass(frozen=True)
class Counted:
    """``properties`` of CRM contacts, such as the dates of funnel stages; of others the ``values``
    (in lower case) that name no person, such as a partner's; user ``agents`` (of lower-case text)
    and ``networks`` of machines, without which their clicks would be people's."""

    properties: frozenset[str] = frozenset()
    values: Mapping[str, frozenset[str]] = field(default_factory=dict)
    agents: tuple[re.Pattern[str], ...] = ()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    def is_known(self, name: str, value: object) -> bool:
        """Whether a property has a value that names no person."""
        return isinstance(value, str) and value.strip().lower() in self.values.get(name, ())

    def is_machine(self, column: str, value: str | None) -> bool:
        """Whether a column tells of a machine and not of a person."""
        if value is None:
            return False
        if column == "user_agent":
            text = value.strip().lower()
            return any(pattern.search(text) for pattern in self.agents)
        if column == "ip":
            try:
                address = ip_address(value)
            except ValueError:
                return False
            return any(address in network for network in self.networks)
        return False


NOTHING = Counted()
