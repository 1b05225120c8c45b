"""Which names of statuses and resolutions read like a cancellation, in many languages."""

import re
from typing import Final

from models.names import fold_name

# Beginnings of words of a status in which work ends that is not delivered, as they are folded; of Chinese, Japanese and
# Korean, which put no blanks between words, any part. Far from complete: it is advice, never a rule.
_CANCELLED: Final = (
    "cancel|reject|declin|abandon|discard|dismiss|withdrawn|obsolete|duplicat|invalid|aborted|dropped|not doing"
    "|won['’]?t|will not|not a bug|cannot reproduce|out of scope"
    "|abgelehnt|abgebrochen|verworfen|storniert|zurückgezogen|gestrichen|hinfällig|wird nicht|nicht umgesetzt|duplikat"
    "|annulé|annulee|rejeté|refusé|abandonné|ne sera pas|doublon|sans suite"
    "|rechazad|descartad|anulad|abandonad|no se hará|duplicad|rejeitad|recusad|não será|não vai"
    "|annullat|rifiutat|scartat|respint|non verrà|geannuleerd|afgewezen|vervallen|geweigerd|afgekeurd|geschrapt"
    "|wordt niet|zal niet|kommer inte|kommer ikke|vil ikke|nie będzie|nie zostanie|nebude"
    "|avbrut|avvis|avslått|avslag|annulleret|annullert|afvist|afbrudt|kansellert|makulerad|peruttu|hylätty|peruutettu"
    "|anulowan|odrzucon|porzucon|zrušen|zamítnut|odmítnut|zamietnut|otkazan|odbijen|odbačen|poništen|elutasít|törölv"
    "|anulat|respins|iptal|reddedil|отмен|отклон|отказ|не будет|скасован|відхилен|отхвърл|ακυρώ|απορρίφ"
)
_CANCELLED_WITHIN: Final = (
    "キャンセル|却下|中止|対応しない|取り下げ|重複|取消|拒绝|拒絕|作废|无效|無效|不做|暂不|已否决|취소|거부|반려|중복"
)
_READS_CANCELLED: Final = re.compile(rf"\b(?:{_CANCELLED})|{_CANCELLED_WITHIN}")


def reads_cancelled(name: str) -> bool:
    """Return whether the name of a status reads like a cancellation, in one of many languages."""
    return _READS_CANCELLED.search(fold_name(name)) is not None
