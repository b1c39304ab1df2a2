"""Helpers for plugins, which kaito's own plugins use as well: text, files, outside data, processes, time limits.

Importing this module imports none of the helpers: each is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kaito.util.lazy_exports import lazily

if TYPE_CHECKING:
    from kaito.chat.image_files import read_image
    from kaito.chat.transcripts import read_conversation, write_conversation
    from kaito.console.width import pad, shorten, width
    from kaito.endpoints.server_wait import wait_until_answering
    from kaito.history.exported_conversation import Export, shown_time
    from kaito.history.exports import export_format, write_export
    from kaito.net.proxies import proxy_for
    from kaito.options.parsers import DEFAULT
    from kaito.options.prompts import names_file
    from kaito.options.request_values import BODY_PREFIX
    from kaito.shell.input.filenames import file_names, first_name, only_name, path_of
    from kaito.shell.render.conversation_table import conversation_table
    from kaito.shell.render.statistics import token_counts, window_share, window_size
    from kaito.util.children import child_environment, read_output
    from kaito.util.decoding import DecodeError, convert, decode_json
    from kaito.util.fenced_code import code_blocks
    from kaito.util.file_locks import lock_file
    from kaito.util.installation import install_hint
    from kaito.util.limits import shown_size
    from kaito.util.object_names import WORKSPACE_RULE, is_workspace
    from kaito.util.program import program_name
    from kaito.util.safe_files import UnreadableError, check_private, make_folders, read_text, replace_private
    from kaito.util.sanitize import UNSAFE, one_line, sanitize
    from kaito.util.time_limits import time_limit
    from kaito.util.user_files import named_path, read_bytes
    from kaito.util.user_folders import config_folder, data_folder, shown_path
    from kaito.util.yaml_reader import YamlError, decode_yaml, read_yaml

__all__ = [
    "BODY_PREFIX",
    "DEFAULT",
    "UNSAFE",
    "WORKSPACE_RULE",
    "DecodeError",
    "Export",
    "UnreadableError",
    "YamlError",
    "check_private",
    "child_environment",
    "code_blocks",
    "config_folder",
    "conversation_table",
    "convert",
    "data_folder",
    "decode_json",
    "decode_yaml",
    "export_format",
    "file_names",
    "first_name",
    "install_hint",
    "is_workspace",
    "lock_file",
    "make_folders",
    "named_path",
    "names_file",
    "one_line",
    "only_name",
    "pad",
    "path_of",
    "program_name",
    "proxy_for",
    "read_bytes",
    "read_conversation",
    "read_image",
    "read_output",
    "read_text",
    "read_yaml",
    "replace_private",
    "sanitize",
    "shorten",
    "shown_path",
    "shown_size",
    "shown_time",
    "time_limit",
    "token_counts",
    "wait_until_answering",
    "width",
    "window_share",
    "window_size",
    "write_conversation",
    "write_export",
]

_EXPORTS = {
    # Text from outside, without control sequences; columns on a terminal
    "UNSAFE": "kaito.util.sanitize",
    "one_line": "kaito.util.sanitize",
    "sanitize": "kaito.util.sanitize",
    "pad": "kaito.console.width",
    "shorten": "kaito.console.width",
    "width": "kaito.console.width",
    "code_blocks": "kaito.util.fenced_code",
    # Files: bounded, private, and replaced as a whole
    "UnreadableError": "kaito.util.safe_files",
    "check_private": "kaito.util.safe_files",
    "config_folder": "kaito.util.user_folders",
    "data_folder": "kaito.util.user_folders",
    "lock_file": "kaito.util.file_locks",
    "make_folders": "kaito.util.safe_files",
    "named_path": "kaito.util.user_files",
    "read_bytes": "kaito.util.user_files",
    "read_text": "kaito.util.safe_files",
    "shown_path": "kaito.util.user_folders",
    "shown_size": "kaito.util.limits",
    "replace_private": "kaito.util.safe_files",
    "read_conversation": "kaito.chat.transcripts",
    "write_conversation": "kaito.chat.transcripts",
    "read_image": "kaito.chat.image_files",
    # Past conversations: as a table, and as Markdown or HTML
    "Export": "kaito.history.exported_conversation",
    "conversation_table": "kaito.shell.render.conversation_table",
    "export_format": "kaito.history.exports",
    "shown_time": "kaito.history.exported_conversation",
    "write_export": "kaito.history.exports",
    # Data from outside, decoded into types: every failure is one error, with the field
    "DecodeError": "kaito.util.decoding",
    "YamlError": "kaito.util.yaml_reader",
    "convert": "kaito.util.decoding",
    "decode_json": "kaito.util.decoding",
    "decode_yaml": "kaito.util.yaml_reader",
    "read_yaml": "kaito.util.yaml_reader",
    # The arguments of slash commands that are names of files
    "file_names": "kaito.shell.input.filenames",
    "first_name": "kaito.shell.input.filenames",
    "names_file": "kaito.options.prompts",
    "only_name": "kaito.shell.input.filenames",
    "path_of": "kaito.shell.input.filenames",
    # The values and names of settings
    "BODY_PREFIX": "kaito.options.request_values",
    "DEFAULT": "kaito.options.parsers",
    # Names of workspaces
    "WORKSPACE_RULE": "kaito.util.object_names",
    "is_workspace": "kaito.util.object_names",
    # Statistics as text
    "token_counts": "kaito.shell.render.statistics",
    "window_share": "kaito.shell.render.statistics",
    "window_size": "kaito.shell.render.statistics",
    # What to run or to install, for an error that says so
    "program_name": "kaito.util.program",
    "install_hint": "kaito.util.installation",
    # Other programs, servers and time
    "child_environment": "kaito.util.children",
    "read_output": "kaito.util.children",
    "proxy_for": "kaito.net.proxies",
    "time_limit": "kaito.util.time_limits",
    "wait_until_answering": "kaito.endpoints.server_wait",
}

__getattr__ = lazily(__name__, _EXPORTS)
