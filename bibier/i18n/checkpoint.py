"""Sentences about checkpoints."""

SENTENCES: dict[str, tuple[str, str]] = {
    "checkpoint-missing": (
        "There is no checkpoint “{name}”. Give the folder of a checkpoint, or the name of one under checkpoints/.",
        "Контрольной точки «{name}» нет. Укажите папку с ней или имя одной из папок в checkpoints/.",
    ),
    "checkpoint-is-file": (
        "“{name}” is a file, and a checkpoint is a folder with config.json and model.safetensors. Other weight files, "
        "such as pickles, are not opened. Give the folder.",
        "«{name}» — это файл, а контрольная точка — папка с config.json и model.safetensors. Другие файлы с весами, "
        "например pickle, не открываются. Укажите папку.",
    ),
    "checkpoint-no-config": (
        "The folder “{name}” has no {file}, so it is not a checkpoint. Give the folder that the training wrote.",
        "В папке «{name}» нет файла {file}: это не контрольная точка. Укажите папку, созданную при обучении.",
    ),
    "checkpoint-not-written": (
        "The checkpoint “{name}” could not be written, and what was there is untouched ({detail}). Make room on the "
        "disk, or choose another folder.",
        "Контрольную точку «{name}» не удалось записать, прежняя не изменена ({detail}). Освободите место на диске или "
        "выберите другую папку.",
    ),
    "checkpoint-no-weights": (
        "The checkpoint “{name}” has no {file}. Only safetensors are read, never pickles. Copy the whole folder again.",
        "В контрольной точке «{name}» нет файла {file}. Читаются только safetensors, но не pickle. "
        "Скопируйте папку заново целиком.",
    ),
    "checkpoint-weights-broken": (
        "{file} of “{name}” is cut off or is not a safetensors file ({detail}). Copy or download the checkpoint again.",
        "Файл {file} в «{name}» обрывается или это не safetensors ({detail}). "
        "Скопируйте или скачайте контрольную точку заново.",
    ),
    "checkpoint-config-bad": (
        "config.json of “{name}” can't be used: {detail}. The checkpoint was made by another version or was edited: "
        "take an unchanged copy, or train it again.",
        "config.json в «{name}» не подходит: {detail}. Контрольная точка создана другой версией или изменена: "
        "возьмите неизменённую копию или обучите её заново.",
    ),
    "checkpoint-format": (
        "The checkpoint “{name}” has format {found}, and this version reads format {expected}. "
        "Update BiBiER, or train the checkpoint again.",
        "Формат контрольной точки «{name}» — {found}, а эта версия читает формат {expected}. "
        "Обновите BiBiER или обучите контрольную точку заново.",
    ),
    "checkpoint-labels": (
        "The checkpoint “{name}” has other labels ({found}); expected {expected}, in this order. "
        "Choose one that was trained on these seven emotions.",
        "У контрольной точки «{name}» другие метки ({found}), а нужны {expected} — именно в этом порядке. "
        "Выберите обученную на этих семи эмоциях.",
    ),
    "checkpoint-rate": (
        "The checkpoint “{name}” was made for {found} Hz, and sound is read at {expected} Hz. Choose another one.",
        "Контрольная точка «{name}» рассчитана на {found} Гц, а звук читается с частотой {expected} Гц. "
        "Выберите другую.",
    ),
    "checkpoint-tensor-missing": (
        "The checkpoint “{name}” lacks the tensor {tensor}. Copy or download it again.",
        "В контрольной точке «{name}» нет тензора {tensor}. Скопируйте или скачайте её заново.",
    ),
    "checkpoint-tensor-extra": (
        "The checkpoint “{name}” has a tensor that its config doesn't know: {tensor}. Weights and config don't belong "
        "together; take both from one copy.",
        "В контрольной точке «{name}» есть тензор, которого нет в её конфигурации: {tensor}. Веса и конфигурация "
        "от разных моделей; возьмите оба файла из одной копии.",
    ),
    "checkpoint-shape": (
        "The tensor {tensor} of “{name}” has another shape than its config says. Weights and config don't belong "
        "together; take both from one copy.",
        "Размер тензора {tensor} в «{name}» не совпадает с конфигурацией. Веса и конфигурация от разных моделей; "
        "возьмите оба файла из одной копии.",
    ),
    "checkpoint-dtype": (
        "The tensor {tensor} of “{name}” holds {dtype}, and is no weight of this model: quantised checkpoints can't be "
        "read. Take one in float16 or float32.",
        "Тензор {tensor} контрольной точки «{name}» хранит {dtype} и не подходит этой модели: квантованные контрольные "
        "точки не читаются. Возьмите точку в float16 или float32.",
    ),
    "checkpoint-not-finite": (
        "The tensor {tensor} of “{name}” holds values that are not numbers: its training failed. Choose another one.",
        "В тензоре {tensor} контрольной точки «{name}» есть значения, не являющиеся числами: обучение не удалось. "
        "Выберите другую.",
    ),
    # sentences about checkpoints on the Hub
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
        "There is no {repo} on the Hub, or it is closed to you. Check the name; for a private one log in with "
        "`hf auth login`.",
        "На Hub нет {repo}, или доступ закрыт. Проверьте имя; для закрытого войдите через `hf auth login`.",
    ),
    "hub-no-revision": (
        "{repo} has no revision {revision}. Give a branch, a tag or a commit.",
        "У {repo} нет версии {revision}. Укажите ветку, метку или коммит.",
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
    # sentences about choosing a checkpoint while the app runs
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
        "Other people use this server, so models are not downloaded here. Whoever runs it can add one.",
        "Этим сервером пользуются и другие, поэтому модели здесь не скачиваются. Добавить модель может "
        "владелец сервера.",
    ),
    "shelf-runs-code": (
        "“{name}” would run program code that comes with other weights; that is never done from this page. If "
        "you trust the code, start the app with this model.",
        "«{name}» запустила бы чужой программный код, идущий с другими весами; на этой странице так не "
        "делается. Если вы доверяете коду, запустите приложение с этой моделью.",
    ),
    "hub-broken-here": (
        "{file} of {name} is damaged on this computer. Fetch it again.",
        "Файл {file} из {name} на этом компьютере повреждён. Скачайте её снова.",
    ),
    "onnx-written": (
        "{file} is written; its answers differ from torch's by {difference} at most.",
        "{file} записан; ответы отличаются от ответов torch не больше чем на {difference}.",
    ),
    "onnx-folder-taken": (
        "There is something in “{name}” already. Give a new or an empty folder.",
        "В «{name}» уже что-то есть. Укажите новую или пустую папку.",
    ),
    "onnx-not-written": (
        "The graphs could not be written to “{name}” ({detail}). Make room on the disk, or choose another folder.",
        "Графы не удалось записать в «{name}» ({detail}). Освободите место на диске или выберите другую папку.",
    ),
    "onnx-not-exportable": (
        "The part “{part}” of this checkpoint can't be written as ONNX ({detail}). Nothing was written: run it with "
        "torch, or take a checkpoint with an LSTM or a Mamba.",
        "Часть «{part}» этой контрольной точки не записать в ONNX ({detail}). Ничего не записано: запускайте её в "
        "torch или возьмите контрольную точку с LSTM или Mamba.",
    ),
    "onnx-differs": (
        "As ONNX, the part “{part}” of this checkpoint answers differently than in torch (by {difference}). Nothing "
        "was written: run it with torch.",
        "В ONNX часть «{part}» этой контрольной точки отвечает не так, как в torch (разница {difference}). "
        "Ничего не записано: запускайте её в torch.",
    ),
}
