"""What Sensitivity can be asked: by kind of job, with the link that asks it again."""

from __future__ import annotations

from collections.abc import Mapping

from pruneviz.plan import Setting

QUESTIONS = {
    "sensitivity": "Every layer at every level",
    "thresholds": "Where does each layer lose too much?",
    "interactions": "Which layers lose more together?",
}


def query(kind: str, settings: Mapping[str, Setting]) -> dict[str, str]:
    """Return the parameters of a link under which Sensitivity asks what a job was asked."""
    if kind not in QUESTIONS:
        return {}
    asked: dict[str, str] = {"question": QUESTIONS[kind]} if kind != "sensitivity" else {}
    if settings.get("recalibrate") is True:
        asked["recalibrate"] = "true"
    for name, shown, scale in (("loss", "points", 100), ("level", "level", 100)):
        if name in settings:
            asked[shown] = f"{round(scale * float(settings[name]), 6):g}"
    if "pairs" in settings:
        asked["pairs"] = f"{settings['pairs']}"
    return asked
