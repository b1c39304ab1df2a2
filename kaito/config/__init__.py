"""The user's configuration: the file `config.toml` with its profiles, and environment variables for flags."""
