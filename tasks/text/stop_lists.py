"""Stop words of German, Spanish and French, after Snowball's lists (BSD-3-Clause), and the words of their texts.

Unlike NLTK's English list, which the source uses, these keep negations: without "nicht" a sentence has another meaning.
Apostrophes separate words ("l'amour"), as they do in the lists ("l").
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

_WORD = re.compile(r"\w+(?:-\w+)*")

STOP_LISTS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "de": frozenset(
            """
            aber alle allem allen aller alles als also am an ander andere anderem anderen anderer anderes auch auf aus
            bei bin bis bist da damit dann das dass daß dasselbe dazu dein deine deinem deinen deiner deines dem
            demselben den denn denselben der derer derselbe derselben des desselben dessen dich die dies diese dieselbe
            dieselben diesem diesen dieser dieses dir doch dort du durch ein eine einem einen einer eines einig einige
            einigem einigen einiger einiges einmal er es etwas euch euer eure eurem euren eurer eures für gegen gewesen
            hab habe haben hat hatte hatten hier hin hinter ich ihm ihn ihnen ihr ihre ihrem ihren ihrer ihres im in
            indem ins ist ja jede jedem jeden jeder jedes jene jenem jenen jener jenes jetzt kann können könnte mache
            man manche manchem manchen mancher manches mein meine meinem meinen meiner meines mich mir mit muss musste
            nach noch nun nur ob oder sehr sein seine seinem seinen seiner seines selbst sich sie sind so solche
            solchem solchen solcher solches soll sollte sondern sonst um und uns unser unsere unserem unseren unserer
            unseres unter viel vom von vor während war waren warst was weg weil weiter welche welchem welchen welcher
            welches wenn werde werden wie wieder will wir wird wirst wo wollen wollte würde würden zu zum zur zwar
            zwischen über
            """.split()  # noqa: SIM905 — one word per line would be too long
        ),
        "es": frozenset(
            """
            a al algo algunas algunos ante antes como con contra cual cuando de del desde donde durante e el él ella
            ellas ellos en entre era erais eran eras eres es esa esas ese eso esos esta está estaba estaban estado
            estamos están estar estas este esto estos estoy fue fueron fui fuimos ha había habían habéis haber hace han
            has hasta hay he hemos la las le les lo los más me mi mí mis mucho muchos muy nos nosotras nosotros nuestra
            nuestras nuestro nuestros o os otra otras otro otros para pero poco por porque que qué quien quienes se sea
            sean ser será si sí siendo sobre sois somos son soy su sus suya suyas suyo suyos también tanto te tenéis
            tenemos tener tengo ti tiene tienen todo todos tu tú tus tuya tuyas tuyo tuyos un una uno unos vosotras
            vosotros vuestra vuestras vuestro vuestros y ya yo
            """.split()  # noqa: SIM905
        ),
        "fr": frozenset(
            """
            à ai aie aient ait as au aura aurait aux avaient avais avait avec avez avons ayant c ce ceci cela celà ces
            cet cette d dans de des donc dont du elle elles en es est et étaient étais était étant été êtes être eu eux
            fut il ils j je l la le les leur leurs lui m ma mais me même mes moi mon nos notre nous on ont ou où
            par pour qu que quel quelle quelles quels qui s sa se sera serait ses si soi soit sommes son sont suis
            sur t ta te tes toi ton tu un une vos votre vous y
            """.split()  # noqa: SIM905
        ),
    }
)
"""Stop words by primary language subtag, in lower case."""


def words(text: str, language: str) -> list[str]:
    """Return a text's words without stop words and punctuation.

    Args:
        text: any text
        language: a key of `STOP_LISTS`

    Example:
        >>> words("L'amour n'est pas une maladie.", "fr")
        ['amour', 'n', 'pas', 'maladie']
    """
    stop_words = STOP_LISTS[language]
    return [word for word in _WORD.findall(text) if word.lower() not in stop_words]


def without(text: str, language: str) -> str:
    """Return a text without its stop words; punctuation stays.

    Args:
        text: any text
        language: a key of `STOP_LISTS`

    Example:
        >>> without("Das ist nicht gut!", "de")
        'nicht gut!'
    """
    stop_words = STOP_LISTS[language]
    kept = re.sub(r"\w+(?:-\w+)*['’]?", lambda match: _kept(match.group(), stop_words), text)
    return re.sub(r"\s+", " ", kept).strip()


def _kept(word: str, stop_words: frozenset[str]) -> str:
    return "" if word.rstrip("'’").lower() in stop_words else word
