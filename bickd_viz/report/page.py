"""The frame of the HTML report: its page, its style, and the script that draws the charts."""

from pathlib import Path

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data: blob:; \
style-src 'unsafe-inline'; script-src 'unsafe-inline' 'unsafe-eval' blob:; worker-src blob:; form-action 'none'">
<link rel="icon" href="data:,">
<title>[[title]]</title>
<style>[[style]]</style>
</head>
<body>
<main>
<header>[[head]]</header>
[[body]]
<footer>[[foot]]</footer>
</main>
<script>[[plotly]]</script>
<script type="application/json" id="charts">[[charts]]</script>
<script>[[script]]</script>
</body>
</html>
"""

STYLE = """
:root { --surface: #fff; --text: #1b2430; --muted: #55617a; --line: #e2e8f0; --link: #0072b2; }
@media screen and (prefers-color-scheme: dark) {
  :root { --surface: #0e1117; --text: #e6eaf0; --muted: #9aa7b8; --line: #2a313c; --link: #56b4e9; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--surface); color: var(--text);
       font: 16px/1.5 "Source Sans", "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 2.5rem 1.25rem 3rem; }
h1 { font-size: 1.75rem; line-height: 1.3; margin: 0 0 .6rem; text-wrap: balance; }
h2 { font-size: 1.25rem; margin: 2.4rem 0 .5rem; }
h3 { font-size: 1rem; margin: 0; }
p { margin: .2rem 0 .6rem; max-width: 80ch; }
.note, article p, footer, figcaption span { color: var(--muted); font-size: .9rem; }
a { color: var(--link); }
a, code { overflow-wrap: anywhere; }
nav { display: flex; flex-wrap: wrap; gap: .3rem 1.1rem; margin: .8rem 0 0; }
.parts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px), 1fr)); gap: 1rem; }
article { border: 1px solid var(--line); border-radius: 8px; padding: .9rem 1rem; min-width: 0; break-inside: avoid; }
section { min-width: 0; margin-top: 1.4rem; }
.small { grid-template-columns: repeat(auto-fill, minmax(min(100%, 250px), 1fr)); }
.wide { grid-column: 1 / -1; }
.chart { width: 100%; }
.data { font-size: .85rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .86rem; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .35rem .8rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; color: var(--muted); }
.strip { display: grid; grid-template-columns: repeat(auto-fill, minmax(84px, 1fr)); gap: 10px; margin-top: .5rem; }
.strip figure { margin: 0; break-inside: avoid; }
.strip.told { grid-template-columns: repeat(auto-fill, minmax(190px, 1fr)); }
.strip i { display: block; font-style: normal; font-size: .8rem; overflow-wrap: anywhere; }
.strip img { width: 100%; aspect-ratio: 1; object-fit: cover; border-radius: 6px; display: block; }
.strip figcaption { font-size: .8rem; line-height: 1.3; margin-top: 4px; overflow-wrap: anywhere; }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line); }
@media print {
  main { max-width: none; padding: 0; }
  .parts { display: block; }
  article { margin-bottom: 12px; }
  .scroll { overflow: visible; }
  table { font-size: .66rem; }
  th, td { padding-right: .35rem; }
  .data, nav { display: none; }
  @page { margin: 16mm; }
}
"""

SCRIPT = (Path(__file__).parent / "report.js").read_text(encoding="utf-8")
