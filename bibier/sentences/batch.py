"""Sentences about many recordings at once."""

SENTENCES: dict[str, tuple[str, str]] = {
    "batch-done": (
        "{file}: {count} recordings, {failed} of them could not be used.",
        "{file}: записей {count}, из них непригодных {failed}.",
    ),
    "batch-other": (
        "{file} belongs to a run with other settings. Finish that run, or delete the file to begin anew.",
        "{file} относится к запуску с другими настройками. Завершите тот запуск или удалите файл, чтобы начать заново.",
    ),
    "batch-format": (
        "{file}: the table's format is told by its ending, one of {formats}.",
        "{file}: формат таблицы определяется окончанием, одним из {formats}.",
    ),
    "batch-number": (
        "--batch and --workers are whole numbers from 1.",
        "--batch и --workers — целые числа от 1.",
    ),
    "batch-no-parquet": (
        "Parquet needs the package pyarrow: pip install pyarrow, or choose .csv or .jsonl. Nothing is lost: the same "
        "command goes on from what is done.",
        "Для Parquet нужен пакет pyarrow: pip install pyarrow; или выберите .csv либо .jsonl. Ничего не потеряно: "
        "та же команда продолжит с готового.",
    ),
    "batch-no-ray": (
        "The engine ray needs the package: pip install -r requirements-ray.txt",
        "Для движка ray нужен пакет: pip install -r requirements-ray.txt",
    ),
}
