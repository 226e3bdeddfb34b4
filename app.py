"""The app's entry point: navigation by question; the frame and the pages do the rest."""

from pathlib import Path

import streamlit as st

from pruneviz.ui.frame import frame

PAGES = Path(__file__).resolve().parent / "pages"


def main() -> None:
    """Run the page that the user chose."""
    chosen = st.navigation(
        {
            "Choose": [_page("home", "Home", "Which model, which data?", default=True)],
            "Understand": [
                _page("architecture", "Architecture", "What is connected to what?"),
                _page("weights", "Weights", "What do the weights look like?"),
                _page("sensitivity", "Sensitivity", "What can each layer lose?"),
            ],
            "Decide": [
                _page("methods", "Methods", "Which way of ranking fits?"),
                _page("tune", "Tune", "How much goes, and where?"),
                _page("recover", "Recover", "How much accuracy comes back?"),
            ],
            "Judge": [
                _page("compare", "Compare", "What changed in the answers?"),
                _page("attributions", "Attributions", "What does it look at?"),
            ],
            "Ship": [
                _page("export", "Export", "Download the pruned network."),
                _page("runs", "Runs", "What was done, and what came of it?"),
            ],
        }
    )
    chosen.run()


def _page(name: str, title: str, question: str, *, default: bool = False) -> st.Page:
    return st.Page(
        PAGES / f"{name}.py",
        title=title,
        help=question,
        default=default,
    )


if __name__ == "__main__":
    frame.configure("Home")
    main()
