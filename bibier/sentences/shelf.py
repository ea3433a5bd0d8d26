"""Sentences about choosing a checkpoint while the app runs."""

SENTENCES: dict[str, tuple[str, str]] = {
    "shelf-gone": (
        "There is no checkpoint “{name}” here, or not any more. Choose another one under Models.",
        "Контрольной точки «{name}» здесь нет или больше нет. Выберите другую на вкладке «Модели».",
    ),
    "shelf-fixed": (
        "On ZeroGPU the models are handed to the GPU when the app starts, so only the checkpoint of the start can be "
        "used. Whoever runs the Space chooses it with the variable BIBIER_CHECKPOINT.",
        "На ZeroGPU модели передаются видеокарте при запуске, поэтому доступна только контрольная точка, с которой "
        "запущено приложение. Её выбирает владелец Space переменной BIBIER_CHECKPOINT.",
    ),
    "shelf-closed": (
        "Others reach this server, so nothing is fetched from the Hub here. Whoever runs it starts it with "
        "--checkpoint user/name, or puts the folder under checkpoints/.",
        "Этим сервером пользуются и другие, поэтому с Hub здесь ничего не скачивается. Тот, кто его запускает, может "
        "указать --checkpoint user/name или положить папку в checkpoints/.",
    ),
    "shelf-runs-code": (
        "“{name}” would run program code that comes with other weights, and that is never done by choosing it here. "
        "If you trust the code, start the app with --checkpoint.",
        "«{name}» запустила бы чужой программный код, идущий с другими весами; выбором здесь это не делается никогда. "
        "Если вы доверяете этому коду, запустите приложение с --checkpoint.",
    ),
    "hub-broken-here": (
        "{file} of {name} is damaged on this computer. Fetch it again.",
        "Файл {file} из {name} на этом компьютере повреждён. Скачайте её снова.",
    ),
}
