"""One colour and one mark per class, everywhere the same; told apart by colour-blind eyes, on light and on dark."""

from __future__ import annotations

# Okabe and Ito's vermilion and blue, with a grey between them: lightness and mark differ as well as hue
COLOURS = {"negative": "#d55e00", "neutral": "#8a8f98", "positive": "#0077bb"}
MARKS = {"negative": "−", "neutral": "0", "positive": "+"}

SYSTEMS = {"classifier": "#009e73", "majority": "#b8860b", "shuffled": "#8e7cc3"}
