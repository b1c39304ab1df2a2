"""Parsing only: `json.loads` for each line of stdin, read in advance. Prints the CPU seconds."""

import json
import sys
import time

events = sys.stdin.buffer.read().splitlines()
started = time.process_time()
for event in events:
    json.loads(event)
print(time.process_time() - started)
