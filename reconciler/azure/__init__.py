"""Talking to Azure: the only package that imports an SDK, and only when a client is first used."""
