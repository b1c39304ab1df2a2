"""The OpenAI chat protocol: pure layers from bytes to decisions, and a client that moves the bytes.

Pure: `sse` splits bytes into events, `chunks` merges events (`schema`) into deltas, `error_responses` parses what a
server answers instead, `retry` decides what to do about it. With I/O: `stream` reads one answer, `client` sends the
requests and follows the decisions.
"""
