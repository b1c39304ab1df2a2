"""The sessions of the contract, word for word."""

from kaito.testing import Say, replay


def test_a_basic_session(chat, server):
    server.enqueue(
        Say(
            "Hello! I'm doing well, thank you for asking. I'm here and ready to help you with any questions or tasks "
            "you might have. How can I assist you today?"
        ),
        Say(
            "Machine learning is a subset of artificial intelligence (AI) that focuses on creating systems that can "
            "learn and improve from experience without being explicitly programmed for every task..."
        ),
    )
    replay(
        chat(columns=250),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «Hello! How are you?»‹enter›
        Assistant: Hello! I'm doing well, thank you for asking. I'm here and ready to help you with any questions or tasks you might have. How can I assist you today?

        > «What is machine learning?»‹enter›
        Assistant: Machine learning is a subset of artificial intelligence (AI) that focuses on creating systems that can learn and improve from experience without being explicitly programmed for every task...

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )


ANSWER = '''\
To create a Python function, you use the `def` keyword followed by the function name and parameters. Here's the basic syntax:

```python
def function_name(parameters):
    """Optional docstring"""
    # Function body
    return value  # Optional
```

For example:
```python
def greet(name):
    """Greets a person with their name"""
    return f"Hello, {name}!"

# Call the function
message = greet("Alice")
print(message)  # Output: Hello, Alice!
```
'''


def test_a_system_prompt(chat, server):
    server.enqueue(Say(ANSWER))
    replay(
        chat("--system-prompt", "You are a helpful coding assistant", columns=140),
        '''
        🤖 Connected to workspace: my-llama (llama-2-7b)
        🎯 System prompt: You are a helpful coding assistant
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «How do I create a Python function?»‹enter›
        Assistant: To create a Python function, you use the `def` keyword followed by the function name and parameters. Here's the basic syntax:

        ```python
        def function_name(parameters):
            """Optional docstring"""
            # Function body
            return value  # Optional
        ```

        For example:
        ```python
        def greet(name):
            """Greets a person with their name"""
            return f"Hello, {name}!"

        # Call the function
        message = greet("Alice")
        print(message)  # Output: Hello, Alice!
        ```

        > ‹ctrl-d›
        👋 Goodbye!
        ''',
        code=0,
    )
    assert server.chats[0].messages[0] == {"role": "system", "content": "You are a helpful coding assistant"}


def test_the_bare_commands(chat, server):
    server.enqueue(Say("Hello! How can I help you today?"))
    replay(
        chat(),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «help»‹enter›
        Available commands:
          quit/exit - Exit chat session
          clear     - Clear conversation history
          help      - Show this help
          status    - Show current configuration
        (/help shows more)

        > «status»‹enter›
        Configuration:
          Workspace: my-llama
          Model: llama-2-7b
          Temperature: 0.7
          Max tokens: 1024
          Top-p: 0.9
          System prompt: (none)

        > «clear»‹enter›
        🗑️ Conversation history cleared

        > «Hello again!»‹enter›
        Assistant: Hello! How can I help you today?

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )


def test_all_flags(chat):
    replay(
        chat(
            *("--namespace", "production", "--temperature", "0.3", "--max-tokens", "2048", "--top-p", "0.95"),
            *("--system-prompt", "You are an expert in Kubernetes and cloud computing"),
        ),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        🎯 System prompt: You are an expert in Kubernetes and cloud computing
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «status»‹enter›
        Configuration:
          Workspace: my-llama
          Model: llama-2-7b
          Temperature: 0.3
          Max tokens: 2048
          Top-p: 0.95
          System prompt: You are an expert in Kubernetes and cloud computing

        > «exit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )


def test_piped_input(shell, server):
    server.enqueue(Say("Artificial Intelligence (AI) refers to the simulation of human intelligence"))
    replay(
        shell(columns=120),
        """
        $ «echo "What is AI?" | kaito chat --workspace-name my-llama»‹enter›
        Assistant: Artificial Intelligence (AI) refers to the simulation of human intelligence
        $ «exit»‹enter›
        exit
        """,
        code=0,
    )


def test_input_too_long(chat, server):
    server.window = 8
    replay(
        chat(columns=100),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «one two three four five six seven eight nine»‹enter›
        ❌ Model Error: Input too long (9 tokens > 8 max)
           Try reducing your message length or increasing --max-tokens
           The window holds 8 tokens, prompt and answer

        > «Hi»‹enter›
        Assistant: Hi

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )


def test_an_endpoint_that_refuses_connections(shell, refused_url):
    replay(
        shell(columns=120, endpoint=refused_url),
        f"""
        $ «kaito chat --workspace-name my-workspace || echo "it failed with $?"»‹enter›
        ❌ Error: Unable to connect to workspace endpoint
           Endpoint: {refused_url}/chat/completions
           Please check if the workspace is running and accessible
           …: Connection refused
           Gave up after … tries in … s
        it failed with 4
        $ «exit»‹enter›
        exit
        """,
        code=0,
    )
