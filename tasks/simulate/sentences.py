"""Sentences of the sample's interviews, written for it and sorted by intended sentiment.

Clear sentences are a frame whose gap is filled with an adjective on which independent lexicons agree. All sentiments
share the frames, so that only the adjective (half a second) and the voice distinguish them. `CONFLICTING` sentences are
irony, negation and mixed feelings, on which the lexicons disagree or err; `SHORT` ones and the host's `QUESTIONS` are
too short to be labelled.
"""

from __future__ import annotations

FRAMES = (
    "I remember the {} kitchen of my grandmother in the village",
    "we passed the winter in that {} hotel by the station",
    "my brother took us to the {} market beside the river",
    "they sent me to the {} school at the end of our street",
    "I worked for three years in that {} office in Leeds",
    "she told us about the {} journey to her uncle in Kenya",
    "the band went to the {} theatre on a Friday in March",
    "we recorded the album in the {} studio above the library",
    "my parents rented the {} house on the corner of the road",
    "I wrote the second chapter in that {} room by the harbour",
    "our teacher came from the {} college in the next town",
    "the children walked to the {} church on Sunday morning",
    "he drove the truck along the {} road to the farm",
    "I think about the {} concert that we gave in October",
    "the doctor at the {} hospital spoke with my father on Monday",
    "we sat in the {} restaurant and talked about the film",
    "that was the {} season when I trained with a team in Boston",
    "my cousin bought the {} boat from a man in Cardiff",
    "the crew arrived at the {} camp in the afternoon",
    "I still read the {} newspaper that my father wrote for",
    "she sang with the {} choir in the hall upstairs",
    "we took the {} ferry across the bay on a Tuesday",
    "they built the {} bridge when I studied at the university in Leeds",
    "I met my wife at the {} museum in the summer of 1998",
    "my street heard the {} orchestra on the kitchen radio",
    "my sister teaches at that {} academy beside the lake",
    "I learned to cook in the {} kitchen of my aunt",
    "the mayor talked about the {} programme for an hour",
    "we moved to the {} coast with two dogs and a piano",
    "he showed me the {} garden beside the railway museum",
    "I carried the {} furniture up to the fourth floor",
    "our neighbours kept that {} horse in a field by the mill",
    "the students asked me about the {} lecture on Thursday",
    "we crossed the {} mountains with a guide and nine sheep",
    "my uncle runs the {} bakery on the way to the airport",
    "I watched the {} match from the roof of the garage",
    "the film is about the {} family of a baker in Toronto",
    "she painted the {} village where her mother lived",
    "I stayed with the {} family of my cousin from the army",
    "that {} autumn I walked along the river to the office",
    "we waited outside the {} embassy until the gate opened",
    "they printed my picture in the {} magazine in September",
    "I took the night train to the {} city with my daughter",
    "the director wanted the {} music at the end of the scene",
    "my son rows in the {} league on Saturdays and Sundays",
    "we ate the {} soup that my grandfather made on Fridays",
    "I spoke with the {} ministers about schools and water",
    "the workers painted the {} walls of the factory in June",
)
"""Sentences that suit any sentiment."""

NEGATIVE = (
    "awful", "bad", "brutal", "cruel", "depressing", "devastating", "disastrous", "disgusting", "dreadful", "evil",
    "grim", "horrible", "horrific", "idiotic", "insane", "insulting", "miserable", "nasty", "outrageous",
    "pathetic", "sad", "shocking", "stupid", "terrible", "ugly", "violent", "worst", "wrong",
)  # fmt: skip
NEUTRAL = (
    "alpine", "Canadian", "coastal", "Danish", "eastern", "Finnish", "Hungarian", "industrial", "Italian", "Kenyan",
    "Korean", "local", "municipal", "northern", "Norwegian", "Peruvian", "Portuguese", "provincial", "regional",
    "rural", "Scottish", "southern", "Spanish", "suburban", "Swedish", "tropical", "urban", "western",
)  # fmt: skip
POSITIVE = (
    "amazing", "awesome", "beautiful", "beloved", "best", "breathtaking", "brilliant", "charming", "delightful",
    "excellent", "fascinating", "flawless", "good", "grand", "great", "heroic", "impressive", "lovely",
    "magnificent", "marvelous", "outstanding", "perfect", "pleasant", "remarkable", "splendid", "successful",
    "superb", "wonderful",
)  # fmt: skip

CONFLICTING = {
    "that was just great because they lost all my luggage again": "negative",
    "what a wonderful surprise when the police broke the door": "negative",
    "the weather was terrible but the people there were lovely": "positive",
    "it was a funny kind of sickness and I laughed about it": "positive",
    "I was not happy with the way they ran the company": "negative",
    "the operation was painful but my mother is alive and healthy": "positive",
    "they promised us help and the help never came": "negative",
    "nobody could say that the work was bad in the end": "positive",
    "I miss the old kitchen and the smell of fresh bread": "positive",
    "he smiled at us while the bank took the farm away": "negative",
    "it cost a lot of money and I would do it again": "positive",
    "the lawyers were polite and my case went nowhere": "negative",
    "we had more luck than sense on that little boat": "positive",
    "they call it freedom and I call it a cage": "negative",
    "the hall was half empty and the clapping was thin": "negative",
    "I would not call the second record a failure": "positive",
}
"""Irony, negation and mixed feelings → intended sentiment."""

SHORT = (
    "Yes, of course.",
    "No, not at all.",
    "Well, it depends.",
    "Let me think.",
    "That is true.",
    "I would say so.",
    "Oh, absolutely.",
    "You know how it is.",
)

QUESTIONS = (
    "And how was that?",
    "What was it like?",
    "And then?",
    "Why was that?",
    "How did you do it?",
    "And where were you?",
    "What did they say?",
    "Who else was there?",
)

OPENINGS = (
    "at the time",
    "in those days",
    "back then",
    "as I told them",
    "when I was there",
    "in that year",
    "as you know",
    "in my twenties",
    "on that day",
    "during the tour",
)
"""Optional beginnings of a sentence; neutral in all lexicons."""

ADJECTIVES = {"negative": NEGATIVE, "neutral": NEUTRAL, "positive": POSITIVE}


def spoken(sentence: str, opening: str = "") -> str:
    """Return a sentence as manual captions print it: capital letter, comma after the opening, full stop.

    Args:
        sentence: in lower case
        opening: words before it; none if empty
    """
    text = f"{opening}, {sentence}" if opening else sentence
    return f"{text[0].upper()}{text[1:]}."
