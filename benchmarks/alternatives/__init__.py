"""Small scripts that kaito is compared with. Each runs in its own process."""
