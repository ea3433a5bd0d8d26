"""Sentences about putting the app on a Hugging Face Space."""

SENTENCES: dict[str, tuple[str, str]] = {
    "deploy-failed": (
        "{name}: the Hub did not do it: {reason}. Check the connection and the token (`hf auth login`), then run "
        "this again: it continues from what is done.",
        "{name}: Hub не выполнил запрос: {reason}. Проверьте соединение и токен (`hf auth login`) и запустите снова: "
        "сделанное не повторится.",
    ),
    "deploy-other": (
        "{name} holds something else ({file}) that would be deleted. Choose another name.",
        "В {name} лежит что-то другое ({file}), и оно было бы удалено. Выберите другое имя.",
    ),
    "deploy-open": (
        "{name} is open to everybody. Make it private in its settings, or leave --private out.",
        "{name} открыт для всех. Закройте его в настройках или уберите --private.",
    ),
    "deploy-build": (
        "{name} does not run: {stage}. The end of its log:\n{log}",
        "{name} не работает: {stage}. Конец его журнала:\n{log}",
    ),
    "deploy-no-log": (
        "(the Hub gave none: see the Space's page, Logs)",
        "(Hub не прислал журнал: смотрите Logs на странице Space)",
    ),
    "deploy-slow": (
        "{name} is still at {stage} after {minutes} minutes. Follow it on its page.",
        "{name}: через {minutes} минут стадия всё ещё {stage}. Следите за ней на его странице.",
    ),
    "deploy-hardware": (
        "“{value}” is no hardware of a Space. Known: {known}; and zero-….",
        "«{value}» — не оборудование Space. Известны: {known}; и zero-….",
    ),
    "deploy-database": (
        "A Space forgets its disk: --database needs a server, postgresql+psycopg://USER:PASSWORD@HOST/NAME.",
        "Диск Space не сохраняется: для --database нужен сервер, postgresql+psycopg://USER:PASSWORD@HOST/NAME.",
    ),
    "deploy-token": (
        "--backup-dataset needs a token that may write to {dataset} and nothing else. Make a fine-grained one at "
        "huggingface.co/settings/tokens and put it into the variable BIBIER_BACKUP_TOKEN.",
        "Для --backup-dataset нужен токен с правом записи только в {dataset}. Создайте его (fine-grained) на "
        "huggingface.co/settings/tokens и поместите в переменную BIBIER_BACKUP_TOKEN.",
    ),
    "deploy-unasked": (
        "The Hub was not reached, so every file counts as new: {reason}",
        "Hub недоступен, поэтому все файлы считаются новыми: {reason}",
    ),
    "deploy-forgets": (
        "Annotations made there are lost when the Space restarts: no --database, no --backup-dataset.",
        "Разметка пропадёт при перезапуске Space: нет ни --database, ни --backup-dataset.",
    ),
    "deploy-same": ("{name}: nothing changed.", "{name}: изменений нет."),
    "deploy-staged": ("The staged folder: {path}", "Подготовленная папка: {path}"),
    "deploy-address": ("Its address: {url}", "Адрес: {url}"),
    "deploy-runs": ("It runs: {url}", "Работает: {url}"),
    # sentences about putting a Space together
    "stage-full": (
        "{path} is not an empty folder. Name one that is new or empty.",
        "{path} — не пустая папка. Укажите новую или пустую.",
    ),
    "deploy-stays": (
        "Not sent, since it is no part of the app: {files}",
        "Не отправляется, так как не относится к приложению: {files}",
    ),
    "stage-checkpoint": (
        "checkpoints/ has no checkpoint “{name}”. Give the name of a folder in it, such as compact.",
        "В checkpoints/ нет чекпойнта «{name}». Укажите имя папки в ней, например compact.",
    ),
    "deploy-no-checkout": (
        "A Space is made of a checkout of BiBiER, and this is the installed package: get the repository, and run "
        "python -m bibier deploy in it.",
        "Space собирается из копии репозитория BiBiER, а это установленный пакет: получите репозиторий и выполните "
        "python -m bibier deploy в нём.",
    ),
}
