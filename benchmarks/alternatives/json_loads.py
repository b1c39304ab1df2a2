"""The parsing alone: `json.loads` over events that are at hand, split. Reads a line each; prints CPU seconds."""

import json
import sys
import time

events = sys.stdin.buffer.read().splitlines()
started = time.process_time()
for event in events:
    json.loads(event)
print(time.process_time() - started)
