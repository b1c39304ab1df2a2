"""What kaito is compared with: small scripts, each run in a process of its own."""
