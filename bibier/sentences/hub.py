"""Sentences about checkpoints on the Hub."""

SENTENCES: dict[str, tuple[str, str]] = {
    "hub-fetching": (
        "Fetching {name} ({megabytes:.1f} MB) to {folder}",
        "Загружаем {name} ({megabytes:.1f} МБ) в {folder}",
    ),
    "hub-offline": (
        "The Hub can't be reached; the last known state of {name} is used.",
        "Hub недоступен; берём последнее известное состояние {name}.",
    ),
    "hub-no-name": (
        "“{name}” is no name on the Hub. Write it as user/name, or user/name@revision.",
        "«{name}» — не имя на Hub. Напишите его как user/name или user/name@revision.",
    ),
    "hub-moved": (
        "{name} has changed on the Hub since its size was asked. Nothing was fetched; ask again.",
        "{name} на Hub изменилась после того, как был запрошен размер. Ничего не скачано; запросите снова.",
    ),
    "hub-lacks": (
        "{name} is no checkpoint of this program: it has no {file}.",
        "{name} — не контрольная точка этой программы: в ней нет {file}.",
    ),
    "hub-no-repo": (
        "There is no {name} on the Hub, or it is closed to you. Check the name; for a private one log in with "
        "`hf auth login`.",
        "На Hub нет {name}, или доступ закрыт. Проверьте имя; для закрытого войдите через `hf auth login`.",
    ),
    "hub-no-revision": (
        "{name} has no revision {revision}. Give a branch, a tag or a commit.",
        "У {name} нет версии {revision}. Укажите ветку, метку или коммит.",
    ),
    "hub-unreachable": (
        "{name} is not on this computer and the Hub can't be reached ({reason}). Try again, or give a folder.",
        "{name} нет на этом компьютере, а Hub недоступен ({reason}). Попробуйте ещё раз или укажите папку.",
    ),
    "hub-broken": (
        "{file} of {name} arrived broken twice, and is not used. Try again later.",
        "{file} из {name} дважды пришёл повреждённым и не используется. Попробуйте позже.",
    ),
    "hub-disk": (
        "{name} can't be kept ({reason}). Free some space, or set HF_HOME to another folder.",
        "{name} не удаётся сохранить ({reason}). Освободите место или задайте HF_HOME.",
    ),
}
