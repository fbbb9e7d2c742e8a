"""Style rules that Streamlit's theme does not cover, and the matching chart theme."""

from __future__ import annotations

from app.plain import Markdown, st
from bickd_core.comparing.comparison import Comparison
from bickd_viz.theme import ModelStyle, Theme, model_styles, theme_named

_CSS = """
<style>
  .block-container { padding: 2.6rem 2.5rem 6rem; max-width: 1560px; }
  [data-testid="stSidebarHeader"]::before { content: "BicKD Explorer"; font-weight: 700; font-size: 1.05rem; white-space: nowrap; }
  [data-testid="stSidebarHeader"] { height: 3.2rem; margin-bottom: .2rem; }
  h1 { font-size: clamp(1.35rem, 2.1vw, 1.9rem) !important; line-height: 1.3 !important; padding: .2rem 0 .1rem !important; }
  h2 { font-size: 1.18rem !important; padding: 1.1rem 0 0 !important; }
  h3 { font-size: 1rem !important; padding: 0 !important; }
  :has(> [data-testid="stHeading"]) { margin-bottom: .5rem; }
  [data-testid="stCaptionContainer"] p { font-size: .88rem; line-height: 1.4; }
  .bk-dot { display: inline-block; width: .62em; height: .62em; border-radius: 50%; margin-right: .4em; }
  .bk-thumbs { display: grid; grid-template-columns: repeat(auto-fill, minmax(84px, 1fr)); gap: 10px; }
  .bk-thumbs.bk-one-row { grid-template-columns: none; grid-auto-flow: column; grid-auto-columns: 88px; overflow-x: auto; scrollbar-width: thin; }
  .bk-thumbs figure { margin: 0; }
  .bk-thumbs img { width: 100%; aspect-ratio: 1; border-radius: 6px; object-fit: cover; display: block;
                   image-rendering: auto; background: rgba(128,128,128,.12); }
  .bk-thumbs figcaption { font-size: .78rem; line-height: 1.3; margin-top: 4px; overflow-wrap: anywhere; }
  .bk-thumbs figcaption span { opacity: .72; }
  :has(> .st-key-picture-feed) { display: none; }
  .st-key-map-method [role="radiogroup"], .st-key-map-colour [role="radiogroup"] { flex-wrap: wrap; }
  .bk-thumbs a, .bk-pair a { display: block; border-radius: 6px; }
  .bk-thumbs.bk-texts { grid-template-columns: repeat(auto-fill, minmax(min(100%, 190px), 1fr)); }
  .bk-thumbs.bk-texts.bk-one-row { grid-template-columns: none; grid-auto-columns: minmax(min(84%, 190px), 1fr); }
  .bk-text { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 6; overflow: hidden; font-style: normal;
             font-size: .78rem; line-height: 1.35; color: inherit; background: rgba(128,128,128,.12); border-radius: 6px;
             border: solid transparent; border-width: 6px 8px; /* text that is cut off shows through padding */ min-height: 2.6rem; overflow-wrap: anywhere; white-space: normal; text-decoration: none; }
  :is(.bk-thumbs, .bk-pair) a:has(.bk-text) { text-decoration: none; color: inherit; }
  .bk-ids { list-style: none; margin: 0 !important; padding: 0 !important; display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 250px), 1fr));
            gap: 0 18px; font-size: .82rem; line-height: 1.35; }
  .bk-ids :is(a, a:visited), .bk-pair a:has(.bk-none) { color: inherit; }
  .bk-ids li { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr) minmax(0, 1fr); gap: 8px; margin: 0 !important; padding: 3px 0 !important;
               border-bottom: 1px solid rgba(128,128,128,.18); font-size: inherit; overflow-wrap: anywhere; }
  .bk-ids span:last-child { opacity: .72; }
  .bk-none { display: grid; place-items: center; aspect-ratio: 1; border-radius: 6px; font-style: normal; font-size: .78rem;
             color: inherit; background: rgba(128,128,128,.15); overflow-wrap: anywhere; padding: 4px; }
  [class*="st-key-report-"] button:disabled::after, [class*="st-key-export-"] .stDownloadButton button:disabled::after {
    content: "preparing …"; margin-left: .5rem; font-size: .88rem; }
  .st-key-opener, :has(> .st-key-opener), .st-key-went, :has(> .st-key-went) { display: none; }
  [class*="st-key-outcome-"] button { min-height: 4.2rem; border-left-width: 7px; }
  @media (min-width: 1000px) { [class*="st-key-outcome-"] button { min-height: 6.2rem; } }
  .bk-large img { width: min(100%, 320px); image-rendering: auto; border-radius: 10px; background: rgba(128,128,128,.12); }
  .bk-pairs { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 330px), 1fr)); gap: 18px 26px; }
  .bk-pair { display: grid; grid-template-columns: 84px 1fr; gap: 12px; align-items: start; }
  .bk-pairs:has(.bk-text) { grid-template-columns: repeat(auto-fill, minmax(min(100%, 420px), 1fr)); }
  .bk-pair:has(.bk-text) { grid-template-columns: minmax(120px, 40%) 1fr; }
  .bk-pair img { width: 84px; aspect-ratio: 1; object-fit: cover; border-radius: 6px; display: block; }
  .bk-pair p { font-size: .78rem; line-height: 1.3; margin: 4px 0 0; overflow-wrap: anywhere; }
  .bkp { display: grid; grid-template-columns: 108px 1fr; gap: 5px 10px; align-items: center; line-height: 1.15; }
  .bkp-alone { grid-template-columns: fit-content(40%) 1fr; gap: 10px; }
  .bkp-name { text-align: right; white-space: nowrap; }
  .bkp-bar { display: flex; align-items: center; gap: 6px; height: 14px; }
  .bkp-bar i { height: 9px; min-width: 1px; border-radius: 2px; flex: none; }
  .bkp-legend { display: flex; flex-wrap: wrap; gap: 2px 14px; margin-top: 4px; }
  .bkp-legend i { display: inline-block; width: 10px; height: 10px; margin-right: 5px; }
  .bko { display: flex; gap: 1px; height: 40px; line-height: 40px; text-align: center; }
  .bko i { font-style: normal; overflow: hidden; }
  .bk-card-title { line-height: 1.35; margin-bottom: -.3rem; }
  .bk-card-title span { font-size: .88rem; opacity: .7; }
  .stMarkdown > :has(> * > .bk-card-title) { display: grid !important; grid-template-columns: auto 1fr; column-gap: .35rem; align-items: center;
    margin-bottom: -.3rem; } /* the help icon is beside the title, not at the far end of the note */
  .stMarkdown > * > :has(> .bk-card-title), .stMarkdown .bk-card-title { display: contents; }
  .stMarkdown .bk-card-title b { font-weight: 700; } .stMarkdown .bk-card-title br { display: none; }
  .stMarkdown .bk-card-title span { grid-row: 2; grid-column: 1 / -1; line-height: 1.35; }
  .stMarkdown > :has(> * > .bk-card-title) > label { grid-row: 1; grid-column: 2; justify-self: start; margin: 0; width: auto; }
  :has(> * > [class*="st-key-export-"]) { position: relative; }
  :has(> [class*="st-key-export-"]) { position: absolute !important; top: 6px; right: 6px; width: auto !important; z-index: 5; }
  :has(> [class*="st-key-export-low-"]) { top: auto; bottom: 0; right: 0; }
  [class*="st-key-export-"] { width: auto !important; opacity: .5; transition: opacity .15s; }
  [class*="st-key-export-"]:is(:hover, :focus-within) { opacity: 1; }
  [class*="st-key-export-"] button { min-height: 0; padding: 2px 4px; }
  [class*="st-key-export-"] button > div > div[aria-hidden="true"] { display: none; }
  :has(> * > [class*="st-key-export-"]) > [data-testid="stElementContainer"]:first-child > .stHtml::before {
    content: ""; float: right; width: 1.4rem; height: 1.2rem; }
  .bk-name { font-weight: 600; }
  @media (min-width: 641px) and (max-width: 1200px) {
    .st-key-overview-cards [data-testid="stHorizontalBlock"] { flex-wrap: wrap; }
    .st-key-overview-cards [data-testid="stColumn"] { min-width: calc(50% - 1rem); }
  }
  .bkw { position: relative; padding-top: 10px; line-height: 1; }
  .bkw-lines { position: absolute; inset: 4px 6px 22px calc(var(--bkw-left) + 6px); }
  .bkw-grid { position: absolute; top: 0; bottom: 0; width: 1px; background: var(--bkw-grid); }
  .bkw-row { position: relative; display: flex; align-items: center; height: 36px; }
  .bkw-name { width: var(--bkw-left); flex: none; text-align: right; padding-right: 10px; box-sizing: border-box; white-space: nowrap; }
  .bkw-track { position: relative; flex: 1; height: 100%; margin: 0 6px; }
  .bkw-line { position: absolute; top: calc(50% - 1px); height: 2px; }
  .bkw-spread { position: absolute; top: calc(50% - 4px); height: 8px; border-radius: 2px; opacity: .45; }
  .bkw-dot { position: absolute; top: calc(50% - 6px); width: 12px; height: 12px; margin-left: -6px; }
  .bkw-value { position: absolute; top: calc(50% - 20px); transform: translateX(-50%); white-space: nowrap; }
  .bkw-none { position: absolute; left: 0; right: 0; top: calc(50% - 6px); text-align: center; white-space: nowrap; }
  .bkw-ticks { position: relative; height: 16px; margin: 4px 6px 0 calc(var(--bkw-left) + 6px); }
  .bkw-ticks span { position: absolute; transform: translateX(-50%); white-space: nowrap; }
  @media (forced-colors: active) { .bkw i, .bkp i, .bko i, .bkl i, .bkl td, .bk-dot { forced-color-adjust: none; } }
  .bkl { display: flex; align-items: center; gap: 4px; line-height: 1.2; }
  .bkl-y { writing-mode: vertical-rl; transform: rotate(180deg); color: var(--bkl-muted); font-size: .75rem; }
  .bkl table { flex: 1; border-collapse: separate; border-spacing: 3px; table-layout: fixed; width: 100%; margin: 0; }
  .bkl caption { caption-side: top; text-align: center; color: var(--bkl-muted); font-size: .75rem; padding: 0 0 2px 64px; }
  .bkl :is(th, td) { border: 0; padding: 0; text-align: center; font-weight: 400; overflow-wrap: anywhere; }
  .bkl :is(th[scope="row"], thead td) { width: 64px; text-align: right; padding-right: 8px; }
  .bkl tbody td { height: 48px; outline-offset: -2px; }
  .bkl-scale { display: flex; align-items: center; justify-content: center; gap: 8px; padding: 10px 0 2px 64px; }
  .bkl-scale i { width: min(180px, 40%); height: 9px; border-radius: 2px; }
  .st-key-selection-bar { position: fixed; bottom: 14px; left: 50%; transform: translateX(-50%); z-index: 90; width: auto !important;
    max-width: min(94vw, 900px); padding: 4px 8px 4px 16px !important; border-radius: 12px; box-shadow: 0 4px 22px rgba(0,0,0,.22);
    background: var(--bk-surface); }
  @media (min-width: 1000px) { .st-key-selection-bar { left: calc(50% + 150px); width: max-content !important; max-width: min(70vw, 900px);
    flex-wrap: nowrap !important; } .st-key-selection-bar > * { width: auto !important; flex: 0 1 auto !important; } }
  .bk-chip { font-size: .9rem; line-height: 1.3; overflow: hidden; text-overflow: ellipsis; }
  @media (max-width: 640px) {
    [data-testid="stButtonGroup"] [role="radiogroup"] { flex-wrap: wrap; row-gap: 4px; }
    [data-testid="stElementToolbar"] { display: none; } /* it would lie over the line above its table */
    .st-key-selection-bar { flex-wrap: nowrap !important; gap: 2px !important; padding: 2px 6px 2px 12px !important; }
    .st-key-selection-bar > * { width: auto !important; min-width: 0 !important; flex: 0 0 auto !important; }
    .st-key-selection-bar > :has(.bk-chip) { flex: 1 1 0 !important; }
    .st-key-selection-bar button { padding: 4px 6px; min-height: 40px; }
    .st-key-selection-bar button [data-testid="stMarkdownContainer"] { position: absolute; width: 1px; height: 1px; overflow: hidden;
      clip-path: inset(50%); } /* for screen readers; the sign is enough for the eye */
    .bk-chip { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; line-clamp: 2; }
  }
  @media (max-width: 640px) { .st-key-selection-bar { left: 3vw; right: 3vw; transform: none; } .block-container { padding: 4rem 1rem 9rem; } }
</style>
"""


_DARK = """
<style>
  [data-testid="stButtonGroup"] button[data-selected="true"]:not(:disabled) { color: #e8ebf0 !important; background: rgba(36, 121, 190, .42) !important; }
</style>
"""


def inject() -> None:
    dark = _DARK if theme().is_dark else ""
    st.html(_CSS + f"<style>:root {{ --bk-surface: {theme().surface}; }}</style>" + dark)


def theme() -> Theme:
    """The theme in which the browser shows the page: light or dark."""
    return theme_named("dark" if st.context.theme.type == "dark" else "light")


def styles(comparison: Comparison) -> dict[str, ModelStyle]:
    """Colour and symbol of each model by its key, the same on every page."""
    looks = model_styles([(model.name, model.kind) for model in comparison.models], theme())
    return {model.key: style for model, style in zip(comparison.models, looks, strict=True)}


def card_title(title: str, note: str = "", help: str = "") -> None:
    """Show the head of a card: a title, a note on how to read it, and a tooltip (`help`)."""
    from html import escape

    below = f"<br><span>{escape(note)}</span>" if note else ""
    head = f'<div class="bk-card-title"><b>{escape(title)}</b>{below}</div>'
    if help:
        st.markdown(Markdown(head), unsafe_allow_html=True, help=help)
    else:
        st.html(head)


def model_title(style: ModelStyle, note: str = "", name: str | None = None) -> None:
    """Show the head of a card about one model: its colour, its name and a note."""
    from html import escape

    st.html(
        f'<span class="bk-dot" style="background:{style.colour}"></span>'
        f'<span class="bk-name">{escape(name or style.name)}</span>'
        f'&ensp;<span style="opacity:.75">{escape(note)}</span>'
    )
