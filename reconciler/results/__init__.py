"""What a finished (or running) training has to say: its result file read, judged and compared. Values in, values out.

| module | what it holds |
|---|---|
| metrics | every metric we know: one name for each, its spellings, whether low or high is good |
| checkpoints | a checkpoint, and the best of several |
| table | the result file: any bytes in, rows out |
| curve | one metric over the steps: extremes of all rows, and few enough points to draw |
| smooth | a curve without its noise, and how large the noise was |
| diagnosis | the rules: what the curves say, the numbers behind it, what to try |
| advice | what to try after a verdict, by method |
| run | one training with everything that is known of it |

Nothing here talks to Azure, reads a file or knows a clock. What the rules mean is in docs/results.md.
"""
