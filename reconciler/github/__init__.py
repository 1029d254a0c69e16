"""Talking to GitHub from a workflow: comments, issues and what a step hands to the next; no SDK, and nothing of Azure.

Everything that is written can be written again: a comment and an issue are found by an invisible first line and by who
wrote them, so a run that failed halfway, or ran twice, brings up to date what is there.
"""

BOT = "github-actions[bot]"
"""Who writes with the token of a workflow."""
