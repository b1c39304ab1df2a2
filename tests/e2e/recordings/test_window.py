"""A full context window: the error, `clear`, and trimming."""

from kaito.testing import replay


def test_a_full_window_is_reported_and_freed_by_clear(chat, server):
    server.window = 12
    replay(
        chat(columns=100),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «one two three four»‹enter›
        Assistant: one two three four

        > «five six seven eight nine»‹enter›
        ❌ Model Error: Input too long (13 tokens > 12 max)
           Try reducing your message length or increasing --max-tokens
           The window holds 12 tokens, prompt and answer; 'clear' or '/set trim on' frees it

        > «clear»‹enter›
        🗑️ Conversation history cleared

        > «/retry»‹enter›
        ❌ Error: There is no message to send again

        > «five six seven eight nine»‹enter›
        Assistant: five six seven eight nine

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )


def test_trim_drops_the_oldest_turns_and_is_reported_once(chat, server):
    server.window = 10
    replay(
        chat("--trim", "--system-prompt", "Be brief", columns=120),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        🎯 System prompt: Be brief
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «one two three»‹enter›
        Assistant: one two three

        > «four five»‹enter›
        Assistant: four five
        The oldest turn was dropped to fit the model's window (--trim); more will be dropped as it fills

        > «six»‹enter›
        Assistant: six

        > «seven eight»‹enter›
        Assistant: seven eight

        > «/history»‹enter›
        System prompt: Be brief

        > seven eight
        Assistant: seven eight

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )


def test_trim_can_be_turned_on_when_the_window_is_full(chat, server):
    server.window = 8
    replay(
        chat(columns=120),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «one two three»‹enter›
        Assistant: one two three

        > «four five»‹enter›
        ❌ Model Error: Input too long (8 tokens > 8 max)
           Try reducing your message length or increasing --max-tokens
           The window holds 8 tokens, prompt and answer; 'clear' or '/set trim on' frees it

        > «/set trim on»‹enter›
        trim: on

        > «/retry»‹enter›
        Assistant: four five
        The oldest turn was dropped to fit the model's window (--trim); more will be dropped as it fills

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )
