"""Shipped voters, one module each. A new voter is a new file; `tasks.labelling.base.registry` discovers it.

A voter module defines three names:

    NAME = "vader"                                        # the module's name, and the voter's in params.yaml
    LICENCE = "MIT"                                       # of its lexicon
    def load() -> Callable[[str], float | None]: ...      # a function from a text to a polarity in [-1, 1]:
                                                          # 0 is neutral, None abstains

Instead of a polarity it may return probabilities of negative, neutral and positive, as a tuple. It may also define

    LANGUAGES = ("en",)                                   # abstain on texts of other languages
    CONTEXT = True                                        # the function gets a `VoterInput` instead of a text
    PROSODY = True                                        # ... with its prosody
"""
