"""The style sheet of the page that `report --out FILE.html` writes: light and dark, from a phone to a wide screen."""

from __future__ import annotations

STYLE = """
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --text: #1b2330; --quiet: #5b6675; --rule: #dfe3e9; --soft: #eef1f5; --link: #0b57a4;
  --good: #176b3a; --good-soft: #e4f4ea; --warn: #8a4b00; --warn-soft: #fdf1df; --bad: #a3201d; --bad-soft: #fdeaea;
  --h0: #2f6fbf; --h1: #c26a00; --h2: #b3261e; --h3: #1f7a4d; --h4: #7a4fb5; --h5: #0f7f8c; --h6: #9a3d7a; --h7: #6b6b18;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #11151b; --card: #1a2029; --text: #e6eaf0; --quiet: #a3afbf; --rule: #303947; --soft: #232b36; --link: #8cc2ff;
    --good: #7fd8a3; --good-soft: #173525; --warn: #f3bd6b; --warn-soft: #3a2c14; --bad: #ff9c96; --bad-soft: #40201f;
    --h0: #6fb1ff; --h1: #f2a94a; --h2: #ff857c; --h3: #68cf9a; --h4: #bf9bf2; --h5: #5fc9d6; --h6: #ec95cd; --h7: #cfcf6b;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--text); line-height: 1.5;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; font-size: 1rem; }
main, .top, footer { max-width: 62rem; margin-inline: auto; padding-inline: 1.25rem; }
.top { padding-block: 2rem .5rem; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .25rem; letter-spacing: -.01em; overflow-wrap: anywhere; }
h2 { font-size: 1.3rem; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
h3 { font-size: 1rem; margin: 2rem 0 .6rem; }
p { margin: .35rem 0; }
.quiet, footer { color: var(--quiet); }
footer { padding-block: .5rem 2.5rem; font-size: .875rem; }
.emulator { background: var(--warn-soft); color: var(--warn); padding: .5rem 1.25rem; text-align: center; font-weight: 600; }
.card { background: var(--card); border: 1px solid var(--rule); border-radius: .75rem; padding: 1.5rem; margin-block: 1rem; }
.head { display: flex; flex-wrap: wrap; gap: .4rem .75rem; align-items: center; }
.badge { display: inline-block; border-radius: 1rem; padding: .05rem .7rem; font-size: .85rem; font-weight: 600;
  background: var(--soft); color: var(--text); white-space: nowrap; }
.badge.good { background: var(--good-soft); color: var(--good); }
.badge.warn { background: var(--warn-soft); color: var(--warn); }
.badge.bad { background: var(--bad-soft); color: var(--bad); }
.verdict { border-inline-start: .3rem solid var(--rule); border-radius: .3rem; background: var(--soft);
  padding: .85rem 1.1rem; margin-block: 1.1rem; }
.verdict.good { border-color: var(--good); background: var(--good-soft); }
.verdict.warn { border-color: var(--warn); background: var(--warn-soft); }
.verdict.bad { border-color: var(--bad); background: var(--bad-soft); }
.verdict h3 { margin: 0 0 .3rem; font-size: 1.1rem; }
.verdict ul { margin: .2rem 0 .1rem; padding-inline-start: 1.2rem; }
.try { margin-block-start: .7rem; font-weight: 600; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem; margin: 1.1rem 0; }
.tiles div { border: 1px solid var(--rule); border-radius: .5rem; padding: .6rem .8rem; }
.tiles dt { color: var(--quiet); font-size: .82rem; }
.tiles dd { margin: 0; font-size: 1.25rem; font-weight: 650; font-variant-numeric: tabular-nums; }
.tiles dd small { display: block; font-size: .8rem; font-weight: 400; color: var(--quiet); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1.5rem 2rem; }
.charts > :first-child:nth-last-child(odd) { grid-column: 1 / -1; }
figure { margin: 0; min-width: 0; max-width: 48rem; container-type: inline-size; }
.model { overflow-wrap: anywhere; font-size: .85rem; }
figcaption { font-weight: 650; }
figcaption span { color: var(--quiet); font-weight: 400; font-size: .875rem; }
.legend { list-style: none; margin: .15rem 0 .1rem; padding: 0; display: flex; flex-wrap: wrap; gap: .1rem 1rem;
  font-size: .875rem; }
.legend li { display: flex; align-items: center; gap: .4rem; overflow-wrap: anywhere; }
.key { width: 24px; height: 12px; flex: none; }
.chart { display: block; width: 100%; height: auto; }
.chart text { fill: var(--quiet); font-size: 13px; font-family: inherit; font-variant-numeric: tabular-nums; }
.grid path { stroke: var(--rule); stroke-width: 1; fill: none; }
.grid .epoch { stroke-dasharray: 1 4; stroke: var(--quiet); }
.line, .raw { fill: none; stroke: var(--c); stroke-width: 2.2; stroke-linejoin: round; stroke-linecap: round; }
.raw { stroke-width: 1; opacity: .35; }
.full_valid .line { stroke-width: 1.6; stroke-dasharray: 5 4; }
.compare .train .line { stroke-width: 1.4; stroke-dasharray: 2 4; }
.compare .raw { display: none; }
circle { fill: var(--c); }
.dots .hit { fill: transparent; }
.dots g:hover circle:not(.hit) { stroke: var(--text); stroke-width: 2; }
.mark path { stroke: var(--text); stroke-width: 1.2; stroke-dasharray: 4 3; }
.chart .mark text { fill: var(--text); }
rect.worse { fill: var(--bad); opacity: .07; }
.chart text.worse { fill: var(--bad); }
.h0 { --c: var(--h0); } .h1 { --c: var(--h1); } .h2 { --c: var(--h2); } .h3 { --c: var(--h3); }
.h4 { --c: var(--h4); } .h5 { --c: var(--h5); } .h6 { --c: var(--h6); } .h7 { --c: var(--h7); }
.scroll { overflow-x: auto; border: 1px solid var(--rule); border-radius: .5rem; }
.scroll:focus-visible, summary:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { text-align: end; padding: .45rem .8rem; border-block-end: 1px solid var(--rule); white-space: nowrap; }
tbody tr:last-child > * { border-block-end: 0; }
thead th { white-space: normal; vertical-align: bottom; color: var(--quiet); font-weight: 600; font-size: .82rem; background: var(--soft); }
.words { text-align: start; }
tr.chosen > * { background: var(--good-soft); font-weight: 600; }
pre { background: var(--soft); border: 1px solid var(--rule); border-radius: .5rem; padding: .8rem 1rem; overflow-x: auto;
  font-size: .875rem; margin: .5rem 0; }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
details { margin-block-start: .6rem; font-size: .95rem; }
summary { cursor: pointer; color: var(--link); font-size: .875rem; width: fit-content; }
details > :not(summary) { margin-block-start: .5rem; }
.facts { display: grid; grid-template-columns: minmax(7rem, max-content) 1fr; gap: .25rem 1.25rem; margin: .5rem 0 0; }
.facts dt { color: var(--quiet); }
.facts dd { margin: 0; overflow-wrap: anywhere; }
@container (max-width: 36rem) { .chart text { font-size: 17px; } .line { stroke-width: 2.6; } }
@container (max-width: 25rem) { .chart text { font-size: 21px; } .line { stroke-width: 3; } .raw { stroke-width: 1.4; } }
@media (max-width: 40rem) {
  main, .top, footer { padding-inline: .85rem; }
  .top { padding-block-start: 1.25rem; }
  .card { padding: 1rem; }
  .tiles { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: .5rem; }
  .facts { grid-template-columns: 1fr; gap: 0; } .facts dd { margin-block-end: .4rem; }
}
@media print {
  body { background: none; } .card { border: 0; padding-inline: 0; break-inside: avoid-page; }
}
"""
