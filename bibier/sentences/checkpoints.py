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
    "checkpoint-not-finite": (
        "The tensor {tensor} of “{name}” holds values that are not numbers: its training failed. Choose another one.",
        "В тензоре {tensor} контрольной точки «{name}» есть значения, не являющиеся числами: обучение не удалось. "
        "Выберите другую.",
    ),
}
