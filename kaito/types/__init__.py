"""The values that the shell, the clients of servers and the plugins pass to each other."""

from kaito.types.cluster_objects import Applied, ServedModel
from kaito.types.commands import Command
from kaito.types.conversations import ConversationInfo, Origin
from kaito.types.extensions import Screen, SlashCommand
from kaito.types.images import Image
from kaito.types.messages import (
    ChatRequest,
    Delta,
    Failure,
    Message,
    ModelInfo,
    Outcome,
    Reply,
    Role,
    ToolCall,
    Usage,
    Waiting,
)
from kaito.types.options import OptionGroup
from kaito.types.response_schema import ResponseSchema
from kaito.types.tables import Cell, Column, Hue, Row, readiness
from kaito.types.targets import Candidate, Endpoint, Location, Rank, Reporter, Target, service_url, shown_url

__all__ = [
    "Applied",
    "Candidate",
    "Cell",
    "ChatRequest",
    "Column",
    "Command",
    "ConversationInfo",
    "Delta",
    "Endpoint",
    "Failure",
    "Hue",
    "Image",
    "Location",
    "Message",
    "ModelInfo",
    "OptionGroup",
    "Origin",
    "Outcome",
    "Rank",
    "Reply",
    "Reporter",
    "ResponseSchema",
    "Role",
    "Row",
    "Screen",
    "ServedModel",
    "SlashCommand",
    "Target",
    "ToolCall",
    "Usage",
    "Waiting",
    "readiness",
    "service_url",
    "shown_url",
]
