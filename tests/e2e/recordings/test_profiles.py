"""A profile at a prompt: the banner, the settings, and system prompts in files."""

from kaito.testing import replay


def test_a_profile_at_a_prompt(chat, server, clean_environment, tmp_path):
    folder = clean_environment / ".config/kaito"
    folder.mkdir(parents=True)
    (folder / "review.md").write_text("Review it in {{lang}}\n")
    (tmp_path / "my prompt.md").write_text("Explain it in {{ lang }}")
    (folder / "config.toml").write_text("""
        [defaults]
        temperature = 0.2
        [profiles.review]
        system-prompt = "@review.md"
        variable = "lang=French"
        seed = 7
    """)
    replay(
        chat("--profile", "review", "--max-tokens", "9", cwd=tmp_path, env={"KAITO_TOP_P": "0.5"}),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        🎯 System prompt: Review it in French
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «status»‹enter›
        Configuration:
          Workspace: my-llama
          Model: llama-2-7b
          Temperature: 0.2
          Max tokens: 9
          Top-p: 0.5
          System prompt: Review it in French

        > «/set temperature 1»‹enter›
        temperature: 1.0

        > «/set temperature default»‹enter›
        temperature: 0.2

        > «/set seed»‹enter›
          seed               7

        > «/system @my»‹tab›
        ↺> /system @my\\ prompt.md‹enter›
        System prompt replaced

        > «/system»‹enter›
        Explain it in French

        > «/system @missing.md»‹enter›
        ❌ Error: /system: cannot read 'missing.md': No such file or directory

        > «/system @@home»‹enter›
        System prompt replaced

        > «hi»‹enter›
        Assistant: hi

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )
    body = server.chats[0].body
    assert (body["messages"][0]["content"], body["seed"], body["top_p"]) == ("@home", 7, 0.5)
