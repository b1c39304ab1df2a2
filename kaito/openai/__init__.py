"""The OpenAI chat protocol: modules without I/O, which parse and decide, and a client that sends and receives.

Without I/O: `sse` splits bytes into events, `chunks` merges events (`schema`) into deltas, `error_responses` parses
error responses, and `retry` decides how to react to them. With I/O: `stream` reads one answer, and `client` sends the
requests and carries out the decisions.
"""
