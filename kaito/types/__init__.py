"""The values that pass between the shell, the protocol and the plugins."""

from kaito.types.commands import Command
from kaito.types.extensions import OptionGroup, Screen, SlashCommand
from kaito.types.messages import ChatRequest, Delta, Message, ModelInfo, Outcome, Reply, Role, Usage, Waiting
from kaito.types.targets import Candidate, Endpoint, Reporter, Target

__all__ = [
    "Candidate",
    "ChatRequest",
    "Command",
    "Delta",
    "Endpoint",
    "Message",
    "ModelInfo",
    "OptionGroup",
    "Outcome",
    "Reply",
    "Reporter",
    "Role",
    "Screen",
    "SlashCommand",
    "Target",
    "Usage",
    "Waiting",
]
