"""Caption files as programs and sites write them: every word once, at its time, or rejected with its words."""

from __future__ import annotations

import pytest

from tasks.captions import caption_file, utterances
from tasks.captions.caption_file import ParsedCaptions
from tasks.core.config import Config

Span = tuple[float, float, str]


def read(text: str, caption_format: str = "srt", duration_s: float = 60.0, *, by_word: bool = False) -> ParsedCaptions:
    return caption_file.read(text.encode(), caption_format, duration_s, 0.5, by_word=by_word)


def spans(parsed: ParsedCaptions) -> list[Span]:
    return [(span.start_ms / 1000, span.end_ms / 1000, span.text) for span in parsed.spoken]


def lost(parsed: ParsedCaptions) -> list[tuple[str, str]]:
    return [(cue.reason, cue.detail) for cue in parsed.unused]


def sentences(text: str, settings: Config, caption_format: str = "srt", duration_s: float = 60.0) -> list[Span]:
    """Return sentences of a sound in which speech cannot be detected: words share the times of their cues."""
    by_sentence = settings.captions.model_copy(update={"segmentation": "sentence"})
    parsed = read(text, caption_format, duration_s, by_word=True)
    return spans(utterances.in_sentences(parsed, None, int(duration_s * 1000), by_sentence))


def srt(*cues: tuple[float, float, str]) -> str:
    return "".join(
        f"{number}\n{_clock(start_s)} --> {_clock(end_s)}\n{text}\n\n"
        for number, (start_s, end_s, text) in enumerate(cues, 1)
    )


def _clock(time_s: float) -> str:
    seconds, milliseconds = divmod(round(time_s * 1000), 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02},{milliseconds:03}"


ON_SCREEN = srt(
    (0.480, 5.040, "when I was nine my mother opened the"),
    (2.360, 8.040, "little shop by the river and at first"),
    (5.040, 10.600, "nobody came in at all which was a"),
    (8.040, 12.760, "terrible time for us but then one day"),
    (10.600, 15.400, "a baker from the next town walked by"),
    (12.760, 17.760, "and he loved what she had made for him"),
)


def test_lines_that_stay_on_the_screen_end_where_the_next_begins(settings: Config) -> None:
    expected = [
        (0.480, 2.360, "when I was nine my mother opened the"),
        (2.360, 5.040, "little shop by the river and at first"),
        (5.040, 8.040, "nobody came in at all which was a"),
        (8.040, 10.600, "terrible time for us but then one day"),
        (10.600, 12.760, "a baker from the next town walked by"),
        (12.760, 17.760, "and he loved what she had made for him"),
    ]
    parsed = read(ON_SCREEN)
    assert spans(parsed) == expected
    assert not parsed.unused
    text = " ".join(text for _, _, text in sentences(ON_SCREEN, settings))
    assert text == " ".join(text for _, _, text in expected)


def test_the_last_line_may_stay_on_the_screen_after_the_sound() -> None:
    parsed = read(ON_SCREEN, duration_s=15.5)
    assert spans(parsed)[-1] == (12.760, 15.5, "and he loved what she had made for him")
    assert not parsed.unused


def test_a_title_over_several_cues_and_two_speakers_at_once_lose_no_word(settings: Config) -> None:
    text = srt((0, 9, "HOW TO BAKE"), (1, 4, "I did."), (2, 3, "We all did."), (2.5, 6, "Sure we did."), (7, 8, "So."))
    parsed = read(text)
    assert spans(parsed) == [
        (0, 1, "HOW TO BAKE"), (1, 2, "I did."), (2, 2.5, "We all did."), (2.5, 6, "Sure we did."), (7, 8, "So."),
    ]  # fmt: skip
    assert not parsed.unused
    words = " ".join(text for _, _, text in sentences(text, settings)).split()
    assert words == ["HOW", "TO", "BAKE", "I", "did.", "We", "all", "did.", "Sure", "we", "did.", "So."]


def test_cues_with_the_same_times_are_lines_of_one_cue(settings: Config) -> None:
    text = srt(
        (1.631, 6.178, "I came to the city when I was nine"),
        (1.631, 6.178, "and my aunt gave me the small room."),
        (6.500, 9.000, "It was the best year of my life."),
    )
    expected = [
        (1.631, 6.178, "I came to the city when I was nine and my aunt gave me the small room."),
        (6.500, 9.000, "It was the best year of my life."),
    ]
    parsed = read(text)
    assert spans(parsed) == expected
    assert not parsed.unused
    assert [text for _, _, text in sentences(text, settings)] == [text for _, _, text in expected]


def test_cues_that_start_almost_together_are_one_utterance() -> None:
    text = srt((1, 6, "Zebras came to the city when I was nine"), (1.04, 6.1, "and we fed them."), (1.04, 6.1, "Yes."))
    assert spans(read(text)) == [(1, 6.1, "Zebras came to the city when I was nine and we fed them. Yes.")]


def test_same_start_and_another_end_keep_the_files_order() -> None:
    text = srt((1, 6, "Where were you?"), (1, 3, "Right there."), (4, 8, "[Music]"), (7, 8, "Oh."))
    parsed = read(text)
    assert spans(parsed) == [(1, 6, "Where were you? Right there."), (7, 8, "Oh.")]
    assert lost(parsed) == [("only a tag", "[Music]")]


LINE_ENDS = "\r\r\n", "\n\r", "\r", "\r\n", "\n\n", "\u2028"


@pytest.mark.parametrize("line_end", LINE_ENDS)
@pytest.mark.parametrize("caption_format", ["srt", "vtt"])
def test_any_line_ends(line_end: str, caption_format: str) -> None:
    text = srt((1, 3, "I love the way they sing."), (3, 6, "The rain was terrible though.\nWe left early."))
    if caption_format == "vtt":
        text = "WEBVTT\n\n" + text.replace(",", ".")
    parsed = read(text.replace("\n", line_end), caption_format)
    assert spans(parsed) == [
        (1, 3, "I love the way they sing."),
        (3, 6, "The rain was terrible though. We left early."),
    ]
    assert not parsed.unused


def test_escapes_of_ass() -> None:
    text = srt(
        (1, 3, r"\h\hI really [\h__\h] love this place"),
        (3, 6, r"It is\hterrible how\hloud they are\Nall day long"),
        (6, 8, r"[\h__\h]"),
        (8, 9, r"-Me too.\n-Me\htoo!"),
    )
    parsed = read(text)
    assert [text for _, _, text in spans(parsed)] == [
        "I really [ __ ] love this place",
        "It is terrible how loud they are all day long",
        "Me too. Me too!",
    ]
    assert lost(parsed) == [("only a tag", "[ __ ]")]


WITHOUT_TIMES = """1
00:00:00,500 --> 00:00:07,000
The first of the two remarks

2
was a love letter, and it has no time

3
00:00:11,890 --> 00:00:16,320
Then came the third one.
"""


def test_text_without_times_is_reported_and_numbers_that_count_are_no_words() -> None:
    parsed = read(WITHOUT_TIMES)
    assert spans(parsed) == [(0.5, 7, "The first of the two remarks"), (11.89, 16.32, "Then came the third one.")]
    assert lost(parsed) == [("no time line", "was a love letter, and it has no time")]


@pytest.mark.parametrize("number", ["", "2\n"])
def test_webvtt_without_a_time_line(number: str) -> None:
    parsed = read(
        f"WEBVTT\n\n1\n00:00.500 --> 00:07.000\nThe first.\n\n{number}It has no time.\n\nNOTE it has none\n\n"
        "3\n00:11.890 --> 00:16.320\nThe third.\n\nAnd more",
        "vtt",
    )
    assert spans(parsed) == [(0.5, 7, "The first."), (11.89, 16.32, "The third.")]
    assert lost(parsed) == [("no time line", "It has no time."), ("no time line", "And more")]


def test_a_blank_line_below_the_times() -> None:
    parsed = read(
        "WEBVTT\n\n00:15.640 --> 00:16.760 line:91%\nDid anyone?\n\n00:16.960 --> 00:20.600 line:79%\n\n"
        "The captain saw him\nand wanted to hear.\n\nid-3\n00:20.920 --> 00:22.040\n\nWho is the captain?\n",
        "vtt",
    )
    assert spans(parsed) == [
        (15.64, 16.76, "Did anyone?"),
        (16.96, 20.6, "The captain saw him and wanted to hear."),
        (20.92, 22.04, "Who is the captain?"),
    ]
    assert not parsed.unused


def test_numbers_that_are_words_stay() -> None:
    text = (
        "1\n00:00:01,000 --> 00:00:02,000\nHow many?\n2\n\n2\n00:00:03,000 --> 00:00:04,000\n3\n"
        "3\n00:00:05,000 --> 00:00:06,000\n\nNo.\n"
    )
    assert [text for _, _, text in spans(read(text))] == ["How many? 2", "3", "No."]
    unnumbered = "00:00:01,000 --> 00:00:02,000\nHow many?\n42\n00:00:03,000 --> 00:00:04,000\nNo.\n"
    assert [text for _, _, text in spans(read(unnumbered))] == ["How many? 42", "No."]


def test_a_malformed_time_line_is_reported_with_its_words() -> None:
    parsed = read("1\n00:00:01:12 --> 00:00:02:00\nframes\n\n2\n00:00:03,000 --> 00:00:04,000 --> \ntwice\n")
    assert lost(parsed) == [
        ("malformed cue", "00:00:01:12 --> 00:00:02:00: frames"),
        ("malformed cue", "00:00:03,000 --> 00:00:04,000 --> : twice"),
    ]


@pytest.mark.parametrize("header", ["", "WEBVTT\n\n"])
def test_times_in_whole_seconds(header: str) -> None:
    text = (
        "1\n00:00:20 --> 00:00:24\nI also like it.\n\n2\n00:00:24 --> 00:00:27\nWe are lucky.\n\n"
        "3\n00:00:27 --> 00:00:27\nYes.\n"
    )
    parsed = read(header + text, "vtt" if header else "srt")
    assert spans(parsed) == [(20, 24, "I also like it."), (24, 27, "We are lucky."), (27, 28, "Yes.")]
    assert not parsed.unused


@pytest.mark.parametrize("number", ["", "1\n"])
def test_webvtt_without_its_header(number: str) -> None:
    text = f"{number}00:00:00.500 --> 00:00:07.000\nThe first\n\n00:00:11.890 --> 00:00:16.320\nThen the third.\n\n"
    parsed = read(text, "vtt")
    assert spans(parsed) == [(0.5, 7, "The first"), (11.89, 16.32, "Then the third.")]
    assert not parsed.unused


def test_webvtt_named_srt() -> None:
    text = "\ufeffWEBVTT\n\nNOTE no words\n\n00:01.000 --> 00:02.000\nHello\n"
    assert spans(read(text)) == [(1, 2, "Hello")]


@pytest.mark.parametrize(
    "end", ["my life.", 'my "life!"', "my life.</i>", "(laughs)", "♪ my life ♪", "我的生活。", "my life \U0001f600"]
)
def test_a_whole_sentence_at_the_end_is_not_cut_off(end: str) -> None:
    text = srt((1, 4, "We began with nothing but hope."), (4, 8, f"And that was {end}")).rstrip("\n")
    parsed = read(text, duration_s=20)
    assert len(parsed.spoken) == 2
    assert not parsed.unused


@pytest.mark.parametrize("end", ["my li", "my life", "my life. <i", "my life.<00:00:0", "my life. I", "my life &am"])
def test_half_a_sentence_at_the_end_is_cut_off(end: str) -> None:
    text = srt((1, 4, "We began with nothing but hope."), (4, 8, f"And that was {end}")).rstrip("\n")
    assert [reason for reason, _ in lost(read(text, duration_s=20))] == ["cut off"]


def test_without_punctuation_a_word_of_the_file_is_whole() -> None:
    text = srt(*((k, k + 1, f"and then the man number {k} was there") for k in range(9))).rstrip("\n")
    assert not read(text, duration_s=20).unused
    assert [reason for reason, _ in lost(read(text[:-3], duration_s=20))] == ["cut off"]


@pytest.mark.parametrize(
    ("first", "last", "is_whole"),
    [
        ("we began with nothing", "and that was the best day of my life", True),
        ("we began with nothing", "and that was the best day of my li", False),
        ("we began with nothing", "and that was a t", False),
        ("我们什么都没有", "那是最好的一天", True),
        ("我们什么都没有。", "那是最好", False),
    ],
)
def test_whole_last_lines_without_punctuation(first: str, last: str, is_whole: bool) -> None:
    parsed = read(srt((1, 4, first), (4, 8, last)).rstrip("\n"), duration_s=20)
    assert [text for _, _, text in spans(parsed)] == ([first, last] if is_whole else [first])
    assert lost(parsed) == ([] if is_whole else [("cut off", last)])


SEGMENT = "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:{},LOCAL:00:00:00.000\n\n"


@pytest.mark.parametrize("border", ["", "\n", "\n\ufeff"])
def test_segments_of_a_stream_are_joined_and_a_cue_at_a_border_is_there_once(border: str) -> None:
    doubled = "00:00:09.000 --> 00:00:11.500\nNobody came for two weeks."
    header = SEGMENT.format(900_000)
    text = f"{header}00:00:01.000 --> 00:00:03.000\nWe opened the shop.\n\n{doubled}"
    text += f"{border}{header}{doubled}\n\nNOTE end\n\n00:00:12.000 --> 00:00:15.000\nThen a newspaper wrote.\n"
    parsed = read(text, "vtt")
    assert spans(parsed) == [
        (1, 3, "We opened the shop."),
        (9, 11.5, "Nobody came for two weeks."),
        (12, 15, "Then a newspaper wrote."),
    ]
    assert lost(parsed) == [("repeated", "Nobody came for two weeks.")]


def test_segments_whose_times_start_anew_are_moved_by_their_clock_maps() -> None:
    text = "".join(
        SEGMENT.format((2**33 - 900_000 + k * 900_000) % 2**33) + f"00:0{k}.000 --> 00:1{k}.500\nPart {k} of it.\n\n"
        for k in range(3)
    )
    assert spans(read(text, "vtt")) == [
        (0, 10.5, "Part 0 of it."),
        (11, 21.5, "Part 1 of it."),
        (22, 32.5, "Part 2 of it."),
    ]


def test_segments_whose_times_go_on_stay_where_they_are() -> None:
    text = "".join(SEGMENT.format(k * 900_000) + f"00:{k}1.000 --> 00:{k}4.000\nPart {k} of it.\n\n" for k in range(3))
    assert [start_s for start_s, _, _ in spans(read(text, "vtt"))] == [1, 11, 21]


def test_a_cue_that_is_split_at_a_border_is_whole() -> None:
    header = SEGMENT.format(0)
    text = f"{header}00:08.000 --> 00:10.000\nNobody came.\n\n{header}00:10.000 --> 00:11.500\nNobody came.\n"
    assert spans(read(text, "vtt")) == [(8, 11.5, "Nobody came.")]


HIGHLIGHTED = srt(
    (0, 0.42, "<u>I</u> really love this place."),
    (0.42, 0.9, "I <u>really</u> love this place."),
    (0.9, 1.3, "I really <u>love</u> this place."),
    (1.3, 1.34, "I really love this place."),
    (1.34, 1.8, "I really love <u>this</u> place."),
    (1.8, 2.6, "I really love this <u>place.</u>"),
    (2.9, 3.2, "<u>The</u> food is terrible though."),
    (3.2, 3.7, "The <u>food</u> is terrible though."),
    (3.7, 3.9, "The food <u>is</u> terrible though."),
    (3.9, 4.7, "The food is <u>terrible</u> though."),
    (4.7, 5.3, "The food is terrible <u>though.</u>"),
)
GROWING = srt(
    (0, 0.4, "I"),
    (0.4, 0.9, "I really"),
    (0.9, 1.3, "I really love"),
    (1.3, 1.8, "I really love this"),
    (1.8, 2.6, "I really love this place."),
    (2.9, 3.2, "The"),
    (3.2, 3.7, "The food"),
    (3.7, 3.9, "The food is"),
    (3.9, 5.3, "The food is terrible though."),
)


def test_another_speaker_who_says_the_same_is_no_repetition() -> None:
    text = srt(
        (1, 2, "JOY: No."), (2, 3, "HOPE: No."), (3, 4, "JOY: Yes."), (4, 5, "HOPE: Yes."), (5, 6, "JOY: Yes, so")
    )
    assert [text for _, _, text in spans(read(text))] == ["No.", "No.", "Yes.", "Yes.", "Yes, so"]


@pytest.mark.parametrize("text", [HIGHLIGHTED, GROWING])
def test_sentences_that_are_shown_again_and_again(text: str, settings: Config) -> None:
    parsed = read(text, by_word=True)
    assert spans(parsed) == [(0, 2.6, "I really love this place."), (2.9, 5.3, "The food is terrible though.")]
    assert not parsed.unused
    starts_ms = [word.start_ms for line in parsed.lines for word in line.words]
    third_ms = 1_340 if text is HIGHLIGHTED else 1_300
    assert starts_ms[:8] == [0, 420 if text is HIGHLIGHTED else 400, 900, third_ms, 1_800, 2_900, 3_200, 3_700]
    assert [text for _, _, text in sentences(text, settings)] == [
        "I really love this place.",
        "The food is terrible though.",
    ]


def test_names_of_speakers_in_cues_that_are_shown_again() -> None:
    text = srt(
        (0, 1, "JOY: we"), (1, 2, "JOY: we all"), (2, 3, "JOY: we all went"), (3, 4, "TOM: no"), (4, 5, "TOM: no, I")
    )
    assert spans(read(text)) == [(0, 3, "we all went"), (3, 5, "no, I")]


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ("<<we were\nthere all night>>", "we were there all night"),
        ("She said <it was\na bad idea> and left.", "She said it was a bad idea and left."),
        ("a <font\ncolor='red'>red</font> one, <i>so\nlong</i>", "a red one, so long"),
        ("<ruby>規制<rt>きせ\nい</rt></ruby>を緩める", "規制を緩める"),
        ("I <3 you\nand 2 > 1", "I <3 you and 2 > 1"),
        ("one<br/>- two<p>three</p>", "one two three"),
        (
            "&lt;i&gt;so\nlong&lt;/i&gt; &amp;lt;font color=&amp;quot;red&amp;quot;&amp;gt;red&lt;/font&gt;",
            "so long red",
        ),
        ("the &lt;b&gt; tag&lt;br&gt;and &lt;p", "the <b> tag and <p"),
        ("&lt;ruby&gt;規制&lt;rt&gt;きせい&lt;/rt&gt;&lt;/ruby&gt;を", "規制を"),
    ],
)
def test_brackets_and_markup_over_several_lines(lines: str, text: str) -> None:
    parsed = read(srt((1, 2, lines)))
    assert spans(parsed) == [(1, 2, text)]
    assert not parsed.unused


ARROWS = ("==>", "- ->", "--&gt;", "--&amp;gt;", "––>", "−−>", "‑‑>", "⇒", "➔", ">>>", "-->>", "--> -->", "›", "—")


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ("00:00:01,5 -> 00:00:02,25", (1.5, 2.25)),
        ("0:00:01.000000 → 0:00:02.500000", (1.0, 2.5)),
        ("00: 00: 01, 000 -- > 00: 00: 02, 000", (1.0, 2.0)),
        ("00:01 --> 00:02", (1.0, 2.0)),
        ("00:00:01,000-->00:00:02,000 X1:40 Y1:5", (1.0, 2.0)),
        ("00:00:01:000 --> 00:00:02;500", (1.0, 2.5)),
        *((f"00:00:01,000 {arrow} 00:00:02,000", (1.0, 2.0)) for arrow in ARROWS),
        ("  00:00:01.000 -> 00:00:02.000 align:start line:0", (1.0, 2.0)),
    ],
)
def test_times_as_they_are_written(times: str, expected: tuple[float, float]) -> None:
    assert spans(read(f"1\n{times}\nHello\n")) == [(*expected, "Hello")]


@pytest.mark.parametrize("words", ["9:00 - 17:00", "10:30, 11:30", "1:2 2:1", "12:00 to 13:00"])
def test_times_that_are_spoken_are_no_time_lines(words: str) -> None:
    assert spans(read(f"1\n00:00:01,000 --> 00:00:02,000\n{words}\n")) == [(1, 2, words)]


def test_text_before_the_first_time_line_is_reported() -> None:
    parsed = read("1\nfirst words\n\n2\n00:00:01,000 --> 00:00:02,000 and more\nSecond.\n")
    assert spans(parsed) == [(1, 2, "and more Second.")]
    assert lost(parsed) == [("no time line", "first words")]


def test_a_very_long_line_is_read_or_rejected_once() -> None:
    for piece in ("<", "&amp;", "(a", "JOY: x. ", ">> Joy: ", "<rt>", "a: ", "\\N", "<x>", "-"):
        parsed = read(srt((1, 2, piece * 20_000)))
        assert len(parsed.spoken) + len(parsed.unused) == 1


def test_a_file_that_ends_within_the_next_cues_number_or_times() -> None:
    whole = srt((1, 4, "we began with nothing"), (4, 8, "that was a good day"), (8, 9, "yes"))
    for end in ("\n3", "\n3\n00:00:0"):
        parsed = read(whole[: whole.index("\n3\n")] + end, duration_s=20)
        assert [text for _, _, text in spans(parsed)] == ["we began with nothing", "that was a good day"]


def test_a_cue_that_lost_its_number_and_its_times_is_reported() -> None:
    parsed = read(WITHOUT_TIMES.replace("2\nwas", "was"))
    assert spans(parsed) == [(0.5, 7, "The first of the two remarks"), (11.89, 16.32, "Then came the third one.")]
    assert lost(parsed) == [("no time line", "was a love letter, and it has no time")]


def test_blank_lines_around_numbers_and_times() -> None:
    cue = "{}\n\n00:00:0{},000 --> 00:00:0{},000\n\n{}\n\n"
    parsed = read(cue.format(5, 1, 2, "hi") + cue.format(6, 2, 3, "yo\nyo yo") + cue.format(7, 3, 4, "8"))
    assert spans(parsed) == [(1, 2, "hi"), (2, 3, "yo yo yo"), (3, 4, "8")]
    assert not parsed.unused
