"""Values in, text out: what a person reads and what a machine reads. Nothing here asks Azure, a file or a clock.

| module | what it makes |
|---|---|
| words | safe text, values, sizes, durations, colours |
| summary | the counts of a plan and its last line: one source for texts and exit codes |
| describe | one change as a glyph, a title and details |
| text | the plan for a terminal |
| action | what a change does in one word, with its glyph and its colour |
| escape | text that is not ours inside Markdown, HTML and Mermaid |
| fit | what is cut from a text that is too long for its place, and how that is said |
| markdown, markdown_change | the plan as the comment on a pull request; one change of it |
| markdown_data | the check of data as Markdown |
| mermaid | the graph of a plan |
| document | the plan as versioned JSON, and that JSON read back as an approval |
| outcome | what became of the changes of an apply |
| drift | what a person must look at |
| fault | diagnostics: text, GitHub annotations, JSON |
| table | aligned columns |
"""
