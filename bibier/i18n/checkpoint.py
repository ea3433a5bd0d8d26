"""Sentences about checkpoints."""

SENTENCES: dict[str, tuple[str, str]] = {
    "checkpoint-missing": (
        "There is no checkpoint “{name}”. Give the folder of a checkpoint, or the name of one under checkpoints/.",
        "Чекпойнта «{name}» нет. Укажите папку с ним или имя одной из папок в checkpoints/.",
    ),
    "checkpoint-is-file": (
        "“{name}” is a file, and a checkpoint is a folder with config.json and model.safetensors. Other weight "
        "files, such as pickles, are not opened. Give the folder.",
        "«{name}» — это файл, а чекпойнт — папка с config.json и model.safetensors. Другие файлы с весами, например "
        "pickle, не открываются. Укажите папку.",
    ),
    "checkpoint-no-config": (
        "The folder “{name}” has no {file}, so it is not a checkpoint. Give the folder that the training wrote.",
        "В папке «{name}» нет файла {file}: это не чекпойнт. Укажите папку, созданную при обучении.",
    ),
    "checkpoint-other": (
        "{name} holds something that is no checkpoint, and was left as it is. Choose another folder.",
        "{name} — не чекпойнт, а что-то другое; всё оставлено как было. Выберите другую папку.",
    ),
    "checkpoint-not-written": (
        "The checkpoint “{name}” could not be written; what was there is unchanged ({detail}). Free some space, or "
        "choose another folder.",
        "Чекпойнт «{name}» не удалось записать, прежний не изменён ({detail}). Освободите место на диске или "
        "выберите другую папку.",
    ),
    "checkpoint-no-weights": (
        "The checkpoint “{name}” has no {file}. Only safetensors are read, never pickles. Copy the whole folder again.",
        "В чекпойнте «{name}» нет файла {file}. Читаются только safetensors, но не pickle. Скопируйте папку заново "
        "целиком.",
    ),
    "checkpoint-weights-broken": (
        "{file} of “{name}” is cut off or is not a safetensors file ({detail}). Copy or download the checkpoint again.",
        "Файл {file} в «{name}» обрывается или это не safetensors ({detail}). Скопируйте или скачайте чекпойнт заново.",
    ),
    "checkpoint-config-bad": (
        "config.json of “{name}” can't be used: {detail}. The checkpoint was made by another version or was edited: "
        "take an unchanged copy, or train it again.",
        "config.json в «{name}» не подходит: {detail}. Чекпойнт создан другой версией или изменён: возьмите "
        "неизменённую копию или обучите его заново.",
    ),
    "checkpoint-format": (
        "The checkpoint “{name}” has format {found}, and this version reads format {expected}. Update BiBiER, or "
        "train the checkpoint again.",
        "Формат чекпойнта «{name}» — {found}, а эта версия читает формат {expected}. Обновите BiBiER или обучите "
        "чекпойнт заново.",
    ),
    "checkpoint-labels": (
        "The checkpoint “{name}” has other labels ({found}); expected {expected}, in this order. Choose one that was "
        "trained on these seven emotions.",
        "У чекпойнта «{name}» другие метки ({found}), а нужны {expected} — именно в этом порядке. Выберите обученный "
        "на этих семи эмоциях.",
    ),
    "checkpoint-rate": (
        "The checkpoint “{name}” was made for {found} Hz, and sound is read at {expected} Hz. Choose another one.",
        "Чекпойнт «{name}» рассчитан на {found} Гц, а звук читается с частотой {expected} Гц. Выберите другой.",
    ),
    "checkpoint-tensor-missing": (
        "The checkpoint “{name}” lacks the tensor {tensor}. Copy or download it again.",
        "В чекпойнте «{name}» нет тензора {tensor}. Скопируйте или скачайте его заново.",
    ),
    "checkpoint-tensor-extra": (
        "The checkpoint “{name}” has a tensor that its config doesn't know: {tensor}. Weights and config don't "
        "belong together; take both from one copy.",
        "В чекпойнте «{name}» есть тензор, которого нет в его конфигурации: {tensor}. Веса и конфигурация от разных "
        "моделей; возьмите оба файла из одной копии.",
    ),
    "checkpoint-shape": (
        "The tensor {tensor} of “{name}” has another shape than its config says. Weights and config don't belong "
        "together; take both from one copy.",
        "Размер тензора {tensor} в «{name}» не совпадает с конфигурацией. Веса и конфигурация от разных моделей; "
        "возьмите оба файла из одной копии.",
    ),
    "checkpoint-dtype": (
        "The tensor {tensor} of “{name}” holds {dtype}, which is not a weight of this model: quantised checkpoints "
        "can't be read. Use one in float16 or float32.",
        "Тензор {tensor} чекпойнта «{name}» хранит {dtype} и не подходит этой модели: квантованные чекпойнты не "
        "читаются. Возьмите чекпойнт в float16 или float32.",
    ),
    "checkpoint-not-finite": (
        "The tensor {tensor} of “{name}” holds values that are not numbers: its training failed. Choose another one.",
        "В тензоре {tensor} чекпойнта «{name}» есть значения, не являющиеся числами: обучение не удалось. Выберите "
        "другой.",
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
        "“{name}” is not a name on the Hub. Write it as user/name, or user/name@revision.",
        "«{name}» — не имя на Hub. Напишите его как user/name или user/name@revision.",
    ),
    "hub-moved": (
        "{name} has changed on the Hub since its size was checked. Nothing was downloaded; check the size again.",
        "{name} на Hub изменилась после того, как узнали размер. Ничего не скачано; узнайте размер ещё раз.",
    ),
    "hub-lacks": (
        "{name} is not a checkpoint of this program: it has no {file}.",
        "{name} — не чекпойнт этой программы: в нём нет {file}.",
    ),
    "hub-no-repo": (
        "There is no {repo} on the Hub, or it is closed to you. Check the name; for a private one log in with `hf "
        "auth login`.",
        "Репозитория {repo} на Hub нет, или он закрыт для вас. Проверьте имя; для закрытого войдите через `hf auth "
        "login`.",
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
        "The model “{name}” is not here any more. Choose another one under Models.",
        "Модели «{name}» здесь больше нет. Выберите другую на вкладке «Модели».",
    ),
    "shelf-fixed": (
        "On ZeroGPU models go to the GPU when the app starts, so only the one it started with can be used. The "
        "Space's owner chooses it with the variable BIBIER_CHECKPOINT.",
        "На ZeroGPU модели передаются видеокарте при запуске, поэтому доступна только та, с которой запущено "
        "приложение. Её выбирает владелец Space переменной BIBIER_CHECKPOINT.",
    ),
    "shelf-closed": (
        "Other people use this server, so models are not downloaded here. Its administrator can add one.",
        "Этим сервером пользуются и другие, поэтому модели здесь не скачиваются. Добавить модель может администратор "
        "сервера.",
    ),
    "checkpoint-runs-code": (
        "The checkpoint “{name}” would run program code of {source}, with all your rights on this computer. Look at "
        "the code; if you trust it, set the variable BIBIER_REMOTE_CODE={source} and start again.",
        "Чекпойнт «{name}» запустил бы программный код из {source} — со всеми вашими правами на этом компьютере. "
        "Посмотрите этот код; если доверяете ему, задайте переменную BIBIER_REMOTE_CODE={source} и запустите снова.",
    ),
    "shelf-runs-code": (
        "“{name}” would run program code that comes with other weights, which this page never does. If you trust the "
        "code, start the app with this model.",
        "«{name}» запустила бы программный код, который идёт с чужими весами; эта страница так не делает. Если вы "
        "доверяете коду, запустите приложение с этой моделью.",
    ),
    "hub-broken-here": (
        "{file} of {name} is damaged on this computer. Download it again.",
        "Файл {file} из {name} на этом компьютере повреждён. Скачайте его снова.",
    ),
    "onnx-written": (
        "{file} is written; its answers differ from torch's by {difference} at most.",
        "{file} записан; ответы отличаются от ответов torch не больше чем на {difference}.",
    ),
    "onnx-folder-taken": (
        "“{name}” is not empty. Give a new or an empty folder.",
        "В «{name}» уже что-то есть. Укажите новую или пустую папку.",
    ),
    "onnx-not-written": (
        "The graphs could not be written to “{name}” ({detail}). Make room on the disk, or choose another folder.",
        "Графы не удалось записать в «{name}» ({detail}). Освободите место на диске или выберите другую папку.",
    ),
    "onnx-not-exportable": (
        "The part “{part}” of this checkpoint can't be written as ONNX ({detail}). Nothing was written: run it with "
        "torch, or take a checkpoint with an LSTM or a Mamba.",
        "Часть «{part}» этого чекпойнта нельзя записать в ONNX ({detail}). Ничего не записано: запускайте её в torch "
        "или возьмите чекпойнт с LSTM или Mamba.",
    ),
    "onnx-differs": (
        "In ONNX, the part “{part}” of this checkpoint answers differently than in torch (by {difference}). Nothing "
        "was written: run it with torch.",
        "В ONNX часть «{part}» этого чекпойнта отвечает не так, как в torch (разница {difference}). Ничего не "
        "записано: запускайте её в torch.",
    ),
}
