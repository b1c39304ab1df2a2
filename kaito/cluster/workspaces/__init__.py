"""KAITO's objects: look them up, explain why they are not ready, wait for them and watch them."""
