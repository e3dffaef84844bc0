"""What mails say, in each language. A link or a code is all that a mail is for."""

from __future__ import annotations

from typing import Literal, NamedTuple

from hekla.auth.language import Language

__all__ = ["Letter", "Occasion", "letter"]

Occasion = Literal[
    "register",
    "taken",
    "confirm",
    "email",
    "email_changed",
    "reset",
    "nobody",
    "link",
    "code",
    "invitation",
]


class Letter(NamedTuple):
    """A mail: its subject and its text."""

    subject: str
    text: str


_IGNORE = {
    "en": "If you did not ask for this, ignore this mail: nothing happens without you.",
    "zh": "如果这不是您本人的操作，请忽略此邮件：没有您的确认，什么都不会发生。",
}

_LETTERS: dict[Language, dict[Occasion, tuple[str, str]]] = {
    "en": {
        "register": (
            "Confirm your address",
            (
                "Somebody, you we hope, wants to use {title} with this address. To confirm that "
                "it is yours, open this page within {minutes} minutes, and enter the password "
                "that you chose:\n\n{link}"
            ),
        ),
        "taken": (
            "You have an account already",
            (
                "Somebody, you perhaps, wanted to register with {title} with this address. There "
                "is an account for it already. If you do not know the password any more, set a "
                "new one:\n\n{link}"
            ),
        ),
        "confirm": (
            "Confirm your address",
            (
                "To confirm that this address is yours, open this page within {minutes} minutes:"
                "\n\n{link}"
            ),
        ),
        "email": (
            "Confirm your new address",
            (
                "To sign in to {title} with this address from now on, open this page within "
                "{minutes} minutes:\n\n{link}"
            ),
        ),
        "email_changed": (
            "Your address was changed",
            (
                "The address that you sign in to {title} with was changed; it is not this one any "
                "more. If that was not you, tell whoever runs {title} at once."
            ),
        ),
        "reset": (
            "Set a new password",
            "To set a new password for {title}, open this page within {minutes} minutes:\n\n{link}",
        ),
        "link": (
            "Sign in",
            "To sign in to {title}, open this page within {minutes} minutes:\n\n{link}",
        ),
        "code": (
            "Your code",
            (
                "Your code to sign in to {title}, for {minutes} minutes:\n\n{code}\n\n"
                "Never tell it to anybody."
            ),
        ),
        "invitation": (
            "An invitation",
            "{by} invites you to {organisation} at {title}. To accept, open this page:\n\n{link}",
        ),
    },
    "zh": {
        "register": (
            "请确认您的邮箱地址",
            (
                "有人（希望是您本人）想用此邮箱地址注册 {title}。请在 {minutes} 分钟内打开"
                "以下页面，并输入您设置的密码，以确认此地址属于您：\n\n{link}"
            ),
        ),
        "taken": (
            "您已经有账号了",
            (
                "有人（也许是您本人）想用此邮箱地址注册 {title}，但该地址已有账号。"
                "如果您忘记了密码，可以重新设置：\n\n{link}"
            ),
        ),
        "confirm": (
            "请确认您的邮箱地址",
            "请在 {minutes} 分钟内打开以下页面，以确认此地址属于您：\n\n{link}",
        ),
        "email": (
            "请确认您的新邮箱地址",
            "如需今后用此地址登录 {title}，请在 {minutes} 分钟内打开以下页面：\n\n{link}",
        ),
        "email_changed": (
            "您的邮箱地址已更改",
            (
                "您登录 {title} 所用的邮箱地址已更改，不再是此地址。如果不是您本人操作，请立即告知"
                " {title} 的管理者。"
            ),
        ),
        "reset": (
            "设置新密码",
            "请在 {minutes} 分钟内打开以下页面，为 {title} 设置新密码：\n\n{link}",
        ),
        "link": (
            "登录",
            "请在 {minutes} 分钟内打开以下页面，登录 {title}：\n\n{link}",
        ),
        "code": (
            "您的验证码",
            "您登录 {title} 的验证码（{minutes} 分钟内有效）：\n\n{code}\n\n请勿告诉任何人。",
        ),
        "invitation": (
            "邀请",
            "{by} 邀请您加入 {title} 的 {organisation}。如接受，请打开以下页面：\n\n{link}",
        ),
    },
}


def letter(occasion: Occasion, language: Language, **words: str) -> Letter:
    """The mail for an occasion."""
    subject, text = _LETTERS[language][occasion]
    # A title or a name may hold what a subject must not.
    plain = {name: " ".join(word.split()) for name, word in words.items()}
    subject = f"{subject} · {plain.get('title', '')}".removesuffix(" · ")
    return Letter(subject, f"{text.format(**plain)}\n\n{_IGNORE[language]}\n")
