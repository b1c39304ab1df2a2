"""The names of Kubernetes objects.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
"""

from __future__ import annotations

import re

# An RFC 1123 label: Kubernetes requires one for a namespace, KAITO for a workspace.
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_KIND = re.compile("^(workspace|inferenceset)/")

#: What a label is, for an error.
LABEL_RULE = "at most 63 lower-case letters, digits and '-', with a letter or digit at both ends"
#: What the name of a workspace is, for an error.
WORKSPACE_RULE = f"a name such as my-llama, workspace/my-llama or inferenceset/my-set, of {LABEL_RULE}"


def is_label(name: str) -> bool:
    """Return whether a name is valid for a namespace."""
    return _LABEL.fullmatch(name) is not None and len(name) <= 63


def is_workspace(value: str) -> bool:
    """Return whether a value is a valid name of a workspace, also as `workspace/NAME`, or `inferenceset/NAME`."""
    return is_label(_KIND.sub("", value))
