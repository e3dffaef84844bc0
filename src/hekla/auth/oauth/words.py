"""What the pages say, in English and Chinese."""

from __future__ import annotations

from typing import Final

from hekla.auth.oauth.scopes import STANDARD

__all__ = ["LANGUAGES", "choose_language", "words_of"]

LANGUAGES: Final = ("en", "zh-Hans")

_ENGLISH: Final[dict[str, str]] = {
    "sign_in": "Sign in",
    "to_continue": "To go on to {client}.",
    "email": "E-mail address",
    "login": "Name",
    "password": "Password",
    "second_code": "The code that your app shows, or a recovery code",
    "consent_title": "Let {client} in?",
    "consent_may": "{client} would like to:",
    "signed_in_as": "You are signed in as {login}.",
    "returns_to": "You will be sent to {address}.",
    "allow": "Allow",
    "deny": "Do not allow",
    "continue": "Continue",
    "device_title": "Let a device in",
    "device_caution": "Go on only if you started this yourself, on a device in front of you. "
    "Whoever sent you a code, or asked you to type one, would get into your account.",
    "device_compare": "The device has to show this code:",
    "user_code": "The code that the device shows",
    "bad_code": "There is no device that waits with this code. It may have expired.",
    "bad_credentials": "That is not how you sign in.",
    "too_many": "There were too many tries. Wait {seconds} seconds.",
    "error": "This cannot go on",
    "with": "Sign in with {provider}",
    "with_failed": "Signing in with {provider} did not work. Go back and try again; if you have an "
    "account here, sign in to it and connect {provider} there.",
    "allowed": "The device is in",
    "allowed_text": "You can close this page and go on at the device.",
    "denied": "The device was not let in",
    "denied_text": "You can close this page.",
    "scope_read_one": "See what you may see of {resource}",
    "scope_write_one": "See and change what you may of {resource}",
    **{f"scope_{name}": text for name, text in STANDARD.items()},
}
_CHINESE: Final[dict[str, str]] = {
    "sign_in": "登录",
    "to_continue": "登录后将前往 {client}。",
    "email": "电子邮箱",
    "login": "用户名",
    "password": "密码",
    "second_code": "验证器应用显示的代码，或恢复代码",
    "consent_title": "允许 {client} 访问吗？",
    "consent_may": "{client} 希望：",
    "signed_in_as": "当前登录账号：{login}。",
    "returns_to": "之后将跳转到 {address}。",
    "allow": "允许",
    "deny": "不允许",
    "continue": "继续",
    "device_title": "授权一台设备",
    "device_caution": "只有当这是你自己、在你面前的设备上发起的操作时，才继续。"
    "如果是别人把代码发给你、或让你输入代码，对方就会进入你的账号。",
    "device_compare": "设备上应显示这个代码：",
    "user_code": "设备上显示的代码",
    "bad_code": "没有设备在等待这个代码，它可能已过期。",
    "bad_credentials": "账号或密码不正确。",
    "too_many": "尝试次数过多，请等待 {seconds} 秒。",
    "error": "无法继续",
    "with": "使用 {provider} 登录",
    "with_failed": "使用 {provider} 登录未成功。请返回重试；"
    "如果你已有本站账号，请先登录，再关联 {provider}。",
    "allowed": "设备已获授权",
    "allowed_text": "可以关闭此页面，回到设备上继续。",
    "denied": "设备未获授权",
    "denied_text": "可以关闭此页面。",
    "scope_openid": "知道你是谁",
    "scope_profile": "查看你的姓名",
    "scope_email": "查看你的电子邮箱",
    "scope_offline_access": "在你离开后保持访问",
    "scope_read": "查看你能查看的一切",
    "scope_write": "以你的名义操作：查看并修改你能查看和修改的一切",
    "scope_read_one": "查看 {resource} 中你能查看的内容",
    "scope_write_one": "查看并修改 {resource} 中你能查看和修改的内容",
}
_WORDS: Final = {"en": _ENGLISH, "zh-Hans": _CHINESE}


def words_of(language: str) -> dict[str, str]:
    """All texts of a language."""
    return _WORDS[language]


def choose_language(wanted: str, accepted: str) -> str:
    """The language of a page: the first that is wanted (``ui_locales``), or else accepted.

    ``accepted`` is ``Accept-Language`` (RFC 9110, section 12.5.4).
    """
    ranked: list[tuple[float, int, str]] = []
    for place, part in enumerate(accepted[:1000].split(",")):
        tag, _, weight = part.strip().partition(";")
        try:
            quality = float(weight.strip().removeprefix("q=")) if weight else 1.0
        except ValueError:
            continue
        if quality > 0:
            ranked.append((-quality, place, tag))
    for tag in [*wanted[:1000].split(), *(each[2] for each in sorted(ranked))]:
        primary = tag.strip().lower().partition("-")[0]
        if primary == "zh":
            return "zh-Hans"
        if primary == "en":
            return "en"
    return "en"
