"""The official client, streaming as in its examples. Arguments: the server's URL and a message."""

import sys

from openai import OpenAI


def main(url: str, message: str) -> None:
    """Send one message; print the answer as it arrives."""
    client = OpenAI(base_url=f"{url}/v1", api_key="none")
    stream = client.chat.completions.create(model="bench", messages=[{"role": "user", "content": message}], stream=True)
    for chunk in stream:
        for choice in chunk.choices:
            print(choice.delta.content or "", end="", flush=True)
    print()


main(*sys.argv[1:])
