"""What a recording says, as the files of other programs: subtitles, Praat, ELAN, Audacity, spreadsheets, JSON."""

# Format → how the names of its files end. Written here, so that a command that lists them loads nothing.
ENDINGS = {
    "srt": ".srt",
    "vtt": ".vtt",
    "textgrid": ".TextGrid",
    "eaf": ".eaf",
    "audacity": ".labels.txt",
    "csv": ".csv",
    "json": ".json",
}
