"""The style of what every page shares: the strip, and labels that are announced but not drawn."""

from __future__ import annotations

import streamlit as st

from pruneviz.measure.speed import AGAIN, STAYS_DENSE

# What has room for an icon alone keeps its name for screen readers.
_HIDDEN = """{
  position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden;
  clip-path: inset(50%); white-space: nowrap;
}"""
ICON_ONLY = (
    ".st-key-strip-undo",
    ".st-key-strip-redo",
    ".st-key-strip-snapshots",
    '[class*="st-key-strip-drop-"]',
    '[class*="st-key-about-"]',
)

CELLS = ":is(.st-key-strip-accuracy, .st-key-strip-size, .st-key-strip-macs, .st-key-strip-latency)"
# The longest that a latency comes to, drawn out of sight behind it: a time that is still to come
# takes as much height as the one that it turns into.
LATENCY = ("Latency", "≈ 0.000 ms", f"of 0.000\u00a0ms · {AGAIN}")
# The strip stays in sight while a page scrolls, so that a slider far down shows its effect, and it
# keeps its height whatever its numbers say.
STYLE = """<style>
[data-testid="stMainBlockContainer"] { padding: 2.6rem 2rem 5rem; }
div:has(> .st-key-strip) { position: sticky; top: 0; z-index: 90; }
.st-key-strip {
  display: grid !important; align-items: start; min-height: 6.9rem; column-gap: 1rem;
  grid-template-columns: minmax(11rem, 1fr) 13.4rem 8.4rem 8rem 12.4rem 9.4rem;
  background: light-dark(LIGHT, DARK);
}
.st-key-strip > * { width: auto !important; min-width: 0; }
.st-key-strip-latency { display: grid !important; }
.st-key-strip-latency > *, .st-key-strip-latency::after { grid-area: 1 / 1; }
.st-key-strip-latency::after {
  content: "TIMED"; visibility: hidden; white-space: pre-line; overflow-wrap: anywhere;
  padding-bottom: 1rem; font-size: 0.875rem; line-height: 1.35rem;
}
.st-key-strip-latency:has(br:nth-of-type(3))::after { content: "TIMED_DENSE"; }
.st-key-strip p { line-height: 1.35; overflow-wrap: anywhere; }
.st-key-strip { position: relative; overflow: visible; }
.st-key-strip > :has(> .st-key-strip-problems) {
  position: absolute; top: calc(100% + 1px); left: -1px; right: -1px;
}
.st-key-strip-problems {
  max-height: 45vh; overflow-y: auto; border-radius: 0.4rem;
  background: light-dark(LIGHT, DARK);
}
.st-key-strip-problems [data-testid="stAlertContainer"] { padding: 0.2rem 0.8rem; min-height: 0; }
.st-key-strip-problems p { margin-top: 0.12rem; font-size: 0.875rem; line-height: 1.3; }
.st-key-busy {
  position: fixed; right: 1.5rem; bottom: 1rem; z-index: 95; width: auto !important;
  max-width: calc(100vw - 3rem);
  background: light-dark(LIGHT, DARK); border-radius: 0.4rem;
}
[data-testid="stToastContainer"] { top: auto; bottom: 1.2rem; }
.st-key-strip-jobs button { min-height: 2.2rem; padding: 0 0.4rem; }
.st-key-strip-jobs p { font-size: 0.8rem; white-space: nowrap; }
div:has(> .st-key-keys) { display: none; }
[data-testid="stSidebarNavLink"]:focus-visible {
  outline: 2px solid currentColor !important; outline-offset: -2px;
}
[data-testid="stCaptionContainer"] { opacity: 1; color: light-dark(CAPTION_LIGHT, CAPTION_DARK); }
[data-testid="stCaptionContainer"] :is(p, li, ol, ul) { color: inherit; opacity: 1; }
ICONS [data-testid="stMarkdownContainer"] HIDDEN
[class*="st-key-about-"] button { padding: 0 0.3rem; min-height: 1.5rem; }
[class*="st-key-about-"] button > div > [aria-hidden="true"] { display: none; }
[class*="st-key-folded-"] { position: relative; }
[class*="st-key-folded-line-"] {
  position: absolute; z-index: 1; top: 0; left: 6.6rem; right: 1rem; pointer-events: none;
  width: auto !important;
}
[class*="st-key-folded-line-"] p {
  font-size: 0.875rem; line-height: 2.5rem; white-space: nowrap; overflow: hidden;
  text-overflow: ellipsis;
}
.goal-marks { position: relative; height: 1.4rem; font-size: 0.8rem; }
.goal-marks i {
  position: absolute; top: 0.3rem; transform: translateX(-50%); font-style: normal;
  line-height: 1; white-space: nowrap;
}
.goal-marks i:last-child { transform: translateX(-100%); }
.goal-marks i::before {
  content: ""; position: absolute; left: 50%; bottom: calc(100% + 1px); width: 1px; height: 0.7rem;
  background: currentColor;
}
.goal-marks i:first-child::before { width: 2px; }
.goal-marks i:last-child::before { left: auto; right: 0; }
.st-key-goal-bar-beyond [data-testid="stProgressBarTrack"] > div {
  background-image: repeating-linear-gradient(
    -45deg, light-dark(LIGHT, DARK) 0 4px, transparent 4px 10px
  );
}
:is(.st-key-tune-methods, .st-key-view) [data-testid="stButtonGroup"] button {
  min-height: 2.5rem;
}
.st-key-scan-controls { min-height: 2.5rem; }
@media (min-width: 1281px) { .st-key-strip { min-height: 8.2rem; } }
@media (max-width: 1280px) {
  .st-key-strip { grid-template-columns: 1.75fr 0.75fr 0.7fr 1.4fr; row-gap: 0.5rem; }
  CELLS p > span { font-size: 0.8rem !important; }
  .st-key-strip-latency::after { font-size: 0.8rem; }
  .st-key-strip > :first-child { grid-column: 1 / 3; min-height: 5rem; }
  .st-key-strip > :nth-child(6) { grid-column: 3 / 5; grid-row: 1; justify-self: end; }
  .st-key-strip > :nth-child(n + 2):nth-child(-n + 5) { grid-row: 2; min-height: 5.8rem; }
}
@media (max-width: 1280px), (max-height: 700px) {
  [data-strip-folds] div:has(> .st-key-strip) {
    height: var(--strip-height); flex: none; pointer-events: none;
  }
  [data-strip-folds] .st-key-strip {
    grid-template-columns: auto auto auto auto 1fr; column-gap: 0.7rem; min-height: 0;
    align-items: center; padding: 0.2rem 0.7rem; pointer-events: auto;
    height: auto; flex: none; align-self: flex-start; width: 100%;
  }
  [data-strip-folds] .st-key-strip > :first-child { display: none; }
  [data-strip-folds] .st-key-strip > :nth-child(n + 2):nth-child(-n + 5) {
    grid-row: 1; min-height: 0;
  }
  [data-strip-folds] .st-key-strip > :nth-child(6) { grid-column: 5; grid-row: 1; }
  [data-strip-folds] .st-key-strip-history > :nth-child(n + 2),
  [data-strip-folds] .st-key-strip-snapshots { display: none; }
  [data-strip-folds] .st-key-strip-history button { min-height: 1.9rem; padding: 0 0.5rem; }
  [data-strip-folds] .st-key-strip-latency::after { display: none; }
  [data-strip-folds] CELLS p { font-size: 0; white-space: nowrap; }
  [data-strip-folds] CELLS p > strong { font-size: 0.85rem; }
  [data-strip-folds] CELLS p > span { font-size: 0 !important; }
  [data-strip-folds] CELLS p > br { display: none; }
  [data-strip-folds] CELLS p > span:first-child {
    font-size: 0.75rem !important; margin-right: 0.3rem;
  }
  [data-strip-folds] .st-key-strip-macs p:has(> br:nth-of-type(3)) > strong::after {
    content: " *";
  }
  [data-strip-folds] CELLS p:not(:has(strong)) > span { font-size: 0.75rem !important; }
}
@media (min-width: 1000px) {
  [data-strip-folds] .st-key-strip-macs p > br:nth-of-type(3) + span {
    display: inline-block; max-width: 12rem; margin-left: 0.4rem; overflow: hidden;
    text-overflow: ellipsis; vertical-align: bottom; font-size: 0.75rem !important;
  }
}
@media (max-width: 768px) { div:has(> .st-key-strip) { top: 3.75rem; } }
</style>"""


def sheet() -> str:
    """Return the style with the theme's own backgrounds, which no CSS variable tells."""
    light = st.get_option("theme.light.backgroundColor") or "Canvas"
    dark = st.get_option("theme.dark.backgroundColor") or "Canvas"
    icons = f":is({', '.join(ICON_ONLY)}) button"
    timed, dense = ("\\a ".join(lines) for lines in (LATENCY, (*LATENCY, STAYS_DENSE)))
    filled = STYLE.replace("TIMED_DENSE", dense).replace("TIMED", timed)
    filled = filled.replace("ICONS", icons).replace("HIDDEN", _HIDDEN).replace("CELLS", CELLS)
    for scheme in ("light", "dark"):
        caption = st.get_option(f"theme.{scheme}.grayTextColor") or "inherit"
        filled = filled.replace(f"CAPTION_{scheme.upper()}", caption)
    return filled.replace("LIGHT", light).replace("DARK", dark)
