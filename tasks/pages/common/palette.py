"""Colours and marks of classes and systems; distinguishable by colour-blind readers, on light and dark."""

from __future__ import annotations

# Okabe and Ito's vermilion and blue, with a grey between them: lightness and mark differ as well as hue
COLOURS = {"negative": "#d55e00", "neutral": "#8a8f98", "positive": "#0077bb"}
MARKS = {"negative": "−", "neutral": "0", "positive": "+"}

SYSTEMS = {"classifier": "#009e73", "majority": "#b8860b", "shuffled": "#8e7cc3"}
