"""What the pages say, in French and in English.

:data:`VERSION` names the wording of what unsubscribes; another wording has another version.
"""

from __future__ import annotations

VERSION = "pages-1"
LANGUAGES = ("fr", "en")

_EN = {
    "language": "English",
    "email": "Email",
    "sms": "Text messages",
    "push": "Notifications",
    "ads": "Advertising",
    "all": "Personalisation",
    "unsubscribe_title": "Unsubscribe",
    "unsubscribe_email": "Stop all marketing by email from {name}.",
    "unsubscribe_sms": "Stop all marketing by text message from {name}.",
    "unsubscribe_push": "Stop all marketing notifications from {name}.",
    "unsubscribe_button": "Unsubscribe",
    "unsubscribed_title": "You are unsubscribed",
    "unsubscribed": "This counts from now on. What concerns your orders, contracts and requests "
    "still reaches you.",
    "choose": "Choose what you receive",
    "preferences_title": "Your choices",
    "preferences": "What {name} may send you, and what your data may be used for. "
    "A change counts as soon as it is saved.",
    "save": "Save",
    "saved": "Your choices are saved.",
    "unchanged": "Nothing has changed.",
    "to_confirm": "To be confirmed: we send you a message with a link.",
    "held": "A refusal recorded elsewhere still stands, and comes first. To lift it, write to us.",
    "nothing_title": "No marketing at all",
    "nothing": "Stop all marketing from {name}, on every channel.",
    "nothing_button": "Stop everything",
    "object_title": "Profiling",
    "object": "I object to my activity being used for scores, segments and predictions.",
    "object_button": "Object to profiling",
    "objected": "Your objection to profiling is recorded.",
    "confirm_title": "Confirm your choice",
    "confirm_button": "I confirm",
    "confirmed_title": "Thank you, it is confirmed",
    "confirmed": "You can change your mind at any time, by the link in each message.",
    "expired_title": "This link is too old",
    "expired": "It was good for {days} days. Tick the box on our site again, and we send you a new "
    "link.",
    "withdrawn_title": "This request was withdrawn",
    "withdrawn": "You refused after you had asked for it, and the refusal stands. If you want to "
    "receive it, tick the box on our site again.",
    "unknown_title": "This link is not valid",
    "unknown": "It may have been cut off. Copy the whole address from the message, or answer the "
    "message to tell us what you want.",
    "again_title": "Please try again",
    "again": "Your choice could not be recorded. Please send it again in a moment.",
    "refused_title": "This request cannot be read",
    "refused": "Please go back to the page and use its buttons.",
    "write": "Write to us",
}
_FR = {
    "language": "Français",
    "email": "E-mail",
    "sms": "SMS",
    "push": "Notifications",
    "ads": "Publicité",
    "all": "Personnalisation",
    "unsubscribe_title": "Se désabonner",
    "unsubscribe_email": "Ne plus recevoir aucun e-mail commercial de {name}.",
    "unsubscribe_sms": "Ne plus recevoir aucun SMS commercial de {name}.",
    "unsubscribe_push": "Ne plus recevoir aucune notification commerciale de {name}.",
    "unsubscribe_button": "Se désabonner",
    "unsubscribed_title": "Vous êtes désabonné(e)",
    "unsubscribed": "C'est pris en compte dès maintenant. Vous recevez encore ce qui concerne vos "
    "commandes, vos contrats et vos demandes.",
    "choose": "Choisir ce que je reçois",
    "preferences_title": "Vos choix",
    "preferences": "Ce que {name} peut vous envoyer, et l'usage qui peut être fait de vos données. "
    "Un changement compte dès qu'il est enregistré.",
    "save": "Enregistrer",
    "saved": "Vos choix sont enregistrés.",
    "unchanged": "Rien n'a changé.",
    "to_confirm": "À confirmer : nous vous envoyons un message avec un lien.",
    "held": "Un refus enregistré ailleurs reste en vigueur et l'emporte. Pour le lever, "
    "écrivez-nous.",
    "nothing_title": "Plus aucun message commercial",
    "nothing": "Ne plus recevoir aucun message commercial de {name}, par aucun canal.",
    "nothing_button": "Tout arrêter",
    "object_title": "Profilage",
    "object": "Je m'oppose à ce que mon activité serve à des scores, des segments et des "
    "prédictions.",
    "object_button": "M'opposer au profilage",
    "objected": "Votre opposition au profilage est enregistrée.",
    "confirm_title": "Confirmez votre choix",
    "confirm_button": "Je confirme",
    "confirmed_title": "Merci, c'est confirmé",
    "confirmed": "Vous pouvez changer d'avis à tout moment, par le lien de chaque message.",
    "expired_title": "Ce lien est trop ancien",
    "expired": "Il était valable {days} jours. Cochez de nouveau la case sur notre site : nous "
    "vous enverrons un nouveau lien.",
    "withdrawn_title": "Cette demande a été retirée",
    "withdrawn": "Vous avez refusé après l'avoir demandée, et ce refus reste en vigueur. Pour "
    "recevoir ces messages, cochez de nouveau la case sur notre site.",
    "unknown_title": "Ce lien n'est pas valable",
    "unknown": "Il a peut-être été coupé. Copiez l'adresse entière depuis le message, ou répondez "
    "au message pour nous dire ce que vous souhaitez.",
    "again_title": "Merci de réessayer",
    "again": "Votre choix n'a pas pu être enregistré. Merci de l'envoyer de nouveau dans un "
    "instant.",
    "refused_title": "Cette demande est illisible",
    "refused": "Merci de revenir à la page et d'utiliser ses boutons.",
    "write": "Nous écrire",
}
_WORDS = {"fr": _FR, "en": _EN}


def words(language: str, **values: object) -> dict[str, str]:
    """Every text of a language, its placeholders filled."""
    return {
        key: text.format(**values) if values else text for key, text in _WORDS[language].items()
    }


def chosen(asked: str | None, persons: str, accepted: str | None) -> str:
    """The language of a page: what the address asks for, the person's, else the browser's."""
    for language in (asked, persons):
        if language and language[:2].lower() in LANGUAGES:
            return language[:2].lower()
    return _accepted(accepted or "") or LANGUAGES[0]


def _accepted(header: str) -> str | None:
    """The first known language of an Accept-Language header by its weights."""
    found: list[tuple[float, int, str]] = []
    for place, part in enumerate(header[:500].split(",")):
        tag, _, weight = part.strip().partition(";q=")
        try:
            value = float(weight or 1)
        except ValueError:
            continue
        if tag[:2].lower() in LANGUAGES and value > 0:
            found.append((-value, place, tag[:2].lower()))
    return min(found)[2] if found else None
