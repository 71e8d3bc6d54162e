"""Who a request comes from, and what they may: ``identify`` it, then ``demand`` the right that it needs."""

from serve.rights.gate import gate, identify, while_valid
from serve.rights.identity import Identity, demand
from serve.rights.roles import Right, Role

__all__ = ["Identity", "Right", "Role", "demand", "gate", "identify", "while_valid"]
