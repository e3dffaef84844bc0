"""What the pages say, in English and Chinese."""

from __future__ import annotations

from typing import Final

from hekla.auth.language import Language

__all__ = ["say"]

_WORDS: Final[dict[str, tuple[str, str]]] = {
    "sign_in": ("Sign in", "登录"),
    "sign_out": ("Sign out", "退出登录"),
    "register": ("Create an account", "注册账号"),
    "login_email": ("E-mail address", "邮箱地址"),
    "login_name": ("Name to sign in with", "登录名"),
    "password": ("Password", "密码"),
    "password_now": ("Password until now", "当前密码"),
    "password_new": ("New password", "新密码"),
    "password_again": ("The password that you chose", "您设置的密码"),
    "password_hint": ("At least {count} characters.", "至少 {count} 个字符。"),
    "second_title": ("One more step", "还差一步"),
    "second_code": (
        "The code that your app shows, or a recovery code",
        "身份验证器显示的验证码，或恢复代码",
    ),
    "continue": ("Continue", "继续"),
    "forgot": ("I do not know my password", "忘记密码"),
    "forgot_title": ("Set a new password", "设置新密码"),
    "forgot_text": (
        "A mail with a link will be sent to your address.",
        "我们会向您的邮箱发送一封带有链接的邮件。",
    ),
    "send": ("Send", "发送"),
    "mail_link": ("Have a link mailed that signs me in", "用邮件中的链接登录"),
    "link_title": ("Sign in by mail", "用邮件登录"),
    "sent_title": ("Look into your mail", "请查收邮件"),
    "sent_text": (
        "If the address is right, a mail is on its way. What is in it is good for a while only.",
        "如果地址正确，邮件很快就会送达。邮件中的链接只在一段时间内有效。",
    ),
    "confirm_title": ("Confirm your address", "确认邮箱地址"),
    "confirm_text": (
        "Enter the password that you registered with.",
        "请输入您注册时设置的密码。",
    ),
    "confirm": ("Confirm", "确认"),
    "confirmed_title": ("It is confirmed", "已确认"),
    "confirmed_text": ("The address is yours.", "该邮箱地址已确认属于您。"),
    "reset": ("Set the password", "设置密码"),
    "reset_done_title": ("You have a new password", "密码已更新"),
    "reset_done_text": (
        "All earlier sign-ins have ended. Sign in with the new password.",
        "之前的登录已全部失效，请用新密码登录。",
    ),
    "account": ("Your account", "您的账号"),
    "signed_in_as": ("You are signed in as {login}.", "您已登录为 {login}。"),
    "change_password": ("Change the password", "修改密码"),
    "changed": ("The password was changed.", "密码已修改。"),
    "sessions": ("Where you are signed in", "登录的设备"),
    "this_one": ("this one", "当前设备"),
    "last_used": ("last used {moment}", "最近使用：{moment}"),
    "end": ("End", "结束"),
    "end_others": ("End all others", "结束其他所有登录"),
    "unknown_device": ("Unknown device", "未知设备"),
    "no_account": ("No account yet?", "还没有账号？"),
    "have_account": ("An account already?", "已有账号？"),
    "required": ("(required)", "（必填）"),
    "error": ("This cannot go on", "无法继续"),
    "invalid_credentials": (
        "That is not how you sign in.",
        "登录信息不正确。",
    ),
    "too_many_attempts": (
        "There were too many tries. Wait {seconds} seconds.",
        "尝试次数过多，请等待 {seconds} 秒。",
    ),
    "code_gone": (
        "The link was used, has expired, or never was. Ask for a new one.",
        "链接已使用、已过期或无效，请重新获取。",
    ),
    "already_exists": ("There is an account with this already.", "已有账号使用此登录名。"),
    "cross_site": ("Another site's page may not do this.", "其他网站的页面不能执行此操作。"),
    "store_busy": ("There is much to do just now. Try again.", "系统繁忙，请重试。"),
}


def say(language: Language, key: str, **given: object) -> str:
    """A text in a language; KeyError for one that there is not."""
    return _WORDS[key][0 if language == "en" else 1].format(**given)
