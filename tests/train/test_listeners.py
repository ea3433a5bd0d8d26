"""Corpora of listeners' votes, as they are distributed: names, tables, votes → distributions."""

from pathlib import Path

import pytest
import soundfile
from tiny import voice

from bibier.errors import CorpusError
from bibier.labels import EMOTIONS
from train.corpora import load


def clip(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, voice(0.3), 16_000)
    return path


def shares(item) -> dict[str, float]:
    return {name: share for name, share in zip(EMOTIONS, item.target.round(4).tolist(), strict=True) if share}


@pytest.fixture
def cremad(tmp_path):
    for name in ("1001_DFA_ANG_XX", "1001_IEO_HAP_HI", "1002_DFA_SAD_XX"):
        for ending in ("wav", "mp3"):
            clip(tmp_path / f"CREMA-D/Audio{ending.upper()}" / f"{name}.{ending}")
    return tmp_path


VOTES = """"","A","D","F","H","N","S","fileName","numResponses","agreement","emoVote"
"100001",6,2,0,0,1,1,"1001_DFA_ANG_XX",10,0.6,"A"
"100002",0,0,0,2,6,0,"1001_IEO_HAP_HI",8,0.75,"N"
"200001",0,0,0,10,0,0,"1001_DFA_ANG_XX",10,1,"H"
"300002",0,0,0,10,0,0,"1001_IEO_HAP_HI",10,1,"H"
"""


def test_cremad_is_what_listeners_heard_in_the_voice(cremad):
    table = cremad / "CREMA-D" / "processedResults" / "tabulatedVotes.csv"
    table.parent.mkdir()
    table.write_text(VOTES)
    first, second = load.read("cremad", cremad)  # the third has no votes
    assert shares(first) == {"anger": 0.6, "disgust": 0.2, "neutral": 0.1, "sad": 0.1}
    assert shares(second) == {"happy": 0.25, "neutral": 0.75}
    assert first.path.suffix == ".wav" and first.speaker == "cremad/1001" and first.text is None
    table.write_text(VOTES.replace('"100001",6', '"100001",many'))
    with pytest.raises(CorpusError, match=r"tabulatedVotes\.csv, row 2: votes are whole numbers"):
        load.read("cremad", cremad)


def test_cremad_takes_the_winners_or_what_was_acted_where_there_are_no_votes(cremad):
    assert [shares(item) for item in load.read("cremad", cremad)] == [{"anger": 1}, {"happy": 1}, {"sad": 1}]
    table = cremad / "CREMA-D" / "processedResults" / "summaryTable.csv"
    table.parent.mkdir()
    table.write_text('"","FileName","VoiceVote"\n"1","1001_DFA_ANG_XX","A:D"\n"2","1002_DFA_SAD_XX","N"\n')
    assert [shares(item) for item in load.read("cremad", cremad)] == [{"anger": 0.5, "disgust": 0.5}, {"neutral": 1}]


def test_emodb_is_german_and_boredom_is_what_a_file_says(tmp_path):
    for name in ("03a01Fa", "03a01Nc", "08a02La", "15b03Wb", "16a07Ad"):
        clip(tmp_path / "wav" / f"{name}.wav")
    items = load.read("emodb", tmp_path)
    assert [(shares(item), item.split, item.speaker) for item in items] == [
        ({"happy": 1}, "train", "emodb/03"),
        ({"neutral": 1}, "train", "emodb/03"),
        ({"anger": 1}, "test", "emodb/15"),
        ({"fear": 1}, "test", "emodb/16"),
    ]
    assert {item.language for item in items} == {"de"}
    (tmp_path / "emodb.labels.toml").write_text('neutral = ["boredom"]\n')
    assert [shares(item) for item in load.read("emodb", tmp_path) if item.speaker == "emodb/08"] == [{"neutral": 1}]


def test_dusha_counts_its_listeners(tmp_path):
    folder = tmp_path / "crowd_train"
    for name in ("a1", "b2", "c3"):
        clip(folder / "wavs" / f"{name}.wav")
    head = (
        "hash_id\taudio_path\tduration\tannotator_emo\tgolden_emo\tannotator_id\tspeaker_text\tspeaker_emo\tsource_id\n"
    )
    votes = (
        ("a1", "positive"),
        ("a1", "neutral"),
        ("a1", "positive"),
        ("a1", "other"),
        ("b2", "angry"),
        ("c3", "other"),
    )
    rows = "".join(
        f"{name}\twavs/{name}.wav\t1.5\t{vote}\t\tx\tвключи свет\tneutral\ts{name}\n" for name, vote in votes
    )
    (folder / "raw_crowd_train.tsv").write_text(head + rows, encoding="utf-8")
    first, second = load.read("dusha", tmp_path)
    assert shares(first) == {"happy": 0.6667, "neutral": 0.3333} and shares(second) == {"anger": 1}
    assert (first.text, first.language, first.speaker, first.split) == ("включи свет", "ru", "dusha/crowd-sa1", "train")


@pytest.mark.parametrize("detailed", [False, True])
def test_msp_podcast_has_votes_or_a_consensus(tmp_path, detailed):
    labels = tmp_path / "Labels"
    for number in range(4):
        clip(tmp_path / "Audios" / f"MSP-PODCAST_0001_{number:04d}.wav")
    (tmp_path / "Transcripts").mkdir()
    (tmp_path / "Transcripts" / "MSP-PODCAST_0001_0000.txt").write_text("Well, hello.")
    labels.mkdir()
    rows = ("0000.wav,S,2,3,4,12,Male,Train", "0001.wav,U,2,3,4,Unknown,Male,Development")
    rows += ("0002.wav,C,2,3,4,13,Male,Test1", "0003.wav,X,2,3,4,13,Male,Test2")
    head = "FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set\n"
    (labels / "labels_consensus.csv").write_text(head + "".join(f"MSP-PODCAST_0001_{row}\n" for row in rows))
    if detailed:
        votes = ("0000.wav,w,Sad", "0000.wav,v,Sad", "0000.wav,u,Angry", "0000.wav,t,Contempt", "0003.wav,w,Happy")
        table = "FileName,WorkerID,EmoClass_Major\n" + "".join(f"MSP-PODCAST_0001_{row}\n" for row in votes)
        (labels / "labels_detailed.csv").write_text(table)
    first, second = load.read("msp-podcast", tmp_path)
    assert (first.text, first.speaker, first.split) == ("Well, hello.", "msp-podcast/12", "train")
    if detailed:
        assert shares(first) == {"anger": 0.3333, "sad": 0.6667} and (shares(second), second.split) == (
            {"happy": 1},
            "test",
        )
    else:
        assert shares(first) == {"sad": 1} and (shares(second), second.split) == ({"surprise": 1}, "dev")
        assert second.speaker == "msp-podcast/MSP-PODCAST_0001_0001"
