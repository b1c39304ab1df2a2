"""Which endpoint a conversation uses: the backends, and the choice between them."""
