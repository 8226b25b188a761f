"""Tiny copies of every dataset in exactly the published layout, with invented labels and grey squares for pictures."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from mien.lab.datasets import pseudo_labelled
from mien.lab.datasets.synthetic_table import NUMBERS, write_part

Build = Callable[[Path], None]


def picture(path: Path, grey: int = 90) -> None:
    """An 8×8 picture; the suffix says which format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    done, data = cv2.imencode(path.suffix, np.full((8, 8, 3), grey, np.uint8))
    assert done
    path.write_bytes(data.tobytes())


def pictures(folder: Path, names: Sequence[str]) -> None:
    for name in names:
        picture(folder / name)


def video(path: Path, frames: int = 4, fps: int = 20) -> None:
    """A film of which frame i has brightness 40 + 50·i."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("mpeg4", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for i in range(frames):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 40 + 50 * i, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def text(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def sheet(path: Path, *sheets: Sequence[Sequence[object]]) -> None:
    """An Excel file with these sheets of rows."""
    from openpyxl import Workbook

    path.parent.mkdir(parents=True, exist_ok=True)
    book = Workbook()
    book.remove(book.active)
    for i, rows in enumerate(sheets):
        page = book.create_sheet(f"Sheet{i + 1}")
        for row in rows:
            page.append(list(row))
    book.save(path)
    book.close()


def wider(root: Path) -> None:
    for split in ("train", "val"):
        pictures(root / f"WIDER_{split}/images/0--Parade", [f"{split}_1.jpg", f"{split}_2.jpg"])
        text(
            root / f"wider_face_split/wider_face_{split}_bbx_gt.txt",
            f"0--Parade/{split}_1.jpg",
            "2",
            "1 2 3 4 0 1 0 0 2 1 ",
            "5 5 0 7 0 0 0 1 0 0 ",
            f"0--Parade/{split}_2.jpg",
            "0",
            "0 0 0 0 0 0 0 0 0 0 ",
        )


def wflw_line(image: str = "37--Soccer/37_a.jpg", attributes: str = "1 0 0 1 0 0") -> str:
    points = " ".join(f"{i % 14}.5 {i // 14}.25" for i in range(98))
    return f"{points} 0 0 13 7 {attributes} {image}"


def wflw(root: Path) -> None:
    base = root / "WFLW_annotations"
    picture(root / "WFLW_images/37--Soccer/37_a.jpg")
    for split in ("train", "test"):
        text(base / f"list_98pt_rect_attr_train_test/list_98pt_rect_attr_{split}.txt", wflw_line(), wflw_line())
    plain = wflw_line().split()
    text(base / "list_98pt_test/list_98pt_test_largepose.txt", " ".join(plain[:196] + plain[-1:]))


def ckplus(root: Path) -> None:
    for subject, take, label in (("S005", "001", 3), ("S010", "002", None)):
        stem = f"{subject}_{take}_00000003"
        names = [f"{subject}_{take}_{i:08d}.png" for i in (1, 2, 3)]
        pictures(root / f"cohn-kanade-images/{subject}/{take}", names)
        (root / f"Emotion/{subject}/{take}").mkdir(parents=True)
        if label is not None:
            text(root / f"Emotion/{subject}/{take}/{stem}_emotion.txt", f"   {label:.7e}")
        facs = ("   4.0000000e+00   0.0000000e+00", "   9.0000000e+00   4.0000000e+00")
        text(root / f"FACS/{subject}/{take}/{stem}_facs.txt", *facs)
        points = [f"   {i:.7e}   {2 * i:.7e}" for i in range(68)]
        text(root / f"Landmarks/{subject}/{take}/{stem}_landmarks.txt", *points)


SEVEN = ("Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")


def afew(root: Path) -> None:
    for i, name in enumerate(SEVEN):
        video(root / f"Train_AFEW/{name}/0001.avi", frames=2 + i % 2)
        video(root / f"Val_AFEW/{name}/0002.avi", frames=2)
    video(root / "Test_AFEW/0003.avi", frames=2)


def sfew(root: Path) -> None:
    for name in SEVEN:
        picture(root / f"Train/{name}/film_1.png")
        picture(root / f"Val/{name}/film_2.png")
    picture(root / "Test/film_3.png")


def caers(root: Path) -> None:
    for split in ("train", "test"):
        for name in ("Anger", *SEVEN[1:]):
            picture(root / f"{split}/{name}/0001.png")


def jaffe(root: Path) -> None:
    pictures(root, ["KA.AN1.39.tiff", "KA.HA2.30.tiff", "YM.NE3.51.tiff"])


def fer_row(emotion: int, usage: str, grey: int = 7) -> str:
    return f"{emotion},{' '.join([str(grey)] * 2304)},{usage}"


def fer2013(root: Path) -> None:
    rows = (fer_row(3, "Training", 5), fer_row(1, "PublicTest", 6), fer_row(6, "PrivateTest", 7))
    text(root / "fer2013.csv", "emotion,pixels,Usage", *rows)


def ferplus(root: Path) -> None:
    fer2013(root)
    text(
        root / "fer2013new.csv",
        "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF",
        "Training,fer0000000.png,1,8,0,0,0,0,0,0,1,0",
        "PublicTest,fer0000001.png,5,5,0,0,0,0,0,0,0,0",
        "PrivateTest,,0,0,0,0,0,0,0,0,0,10",
    )


def rafdb(root: Path) -> None:
    text(root / "basic/EmoLabel/list_patition_label.txt", "train_00001.jpg 5", "test_0001.jpg 1")
    pictures(root / "basic/Image/aligned", ["train_00001_aligned.jpg", "test_0001_aligned.jpg"])


def affectnet_arrays(root: Path) -> None:
    for split in ("train_set", "val_set"):
        for item, label in (("7", 7), ("12", 1), ("13", 9)):
            picture(root / f"{split}/images/{item}.jpg")
            folder = root / f"{split}/annotations"
            folder.mkdir(parents=True, exist_ok=True)
            np.save(folder / f"{item}_exp.npy", np.array(str(label)))
            np.save(folder / f"{item}_val.npy", np.array("-0.25"))
            np.save(folder / f"{item}_aro.npy", np.array(0.5))
            np.save(folder / f"{item}_lnd.npy", np.arange(136.0))


def affectnet_csv(root: Path) -> None:
    header = "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"
    points = ";".join(str(i) for i in range(136))
    for name in ("training.csv", "validation.csv"):
        rows = (f"1/{name}.jpg,1,2,30,40,{points},1,0.5,-0.5", f"1/{name}_2.jpg,1,2,30,40,{points},7,-2,-2")
        text(root / name, header, *rows)
        pictures(root / "Manually_Annotated_Images/1", [f"{name}.jpg", f"{name}_2.jpg"])


def expw(root: Path) -> None:
    text(root / "label/label.lst", "a.jpg 0 10 20 60 50 95.5 3", "a.jpg 1 1 2 3 4 10.0 6", "b.jpg 0 5 5 9 9 50 0")
    pictures(root / "image/origin", ["a.jpg", "b.jpg"])


AU_HEADER = "AU1,AU2,AU4,AU6,AU7,AU10,AU12,AU15,AU23,AU24,AU25,AU26"
EXPR_HEADER = "Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise,Other"


def affwild2(root: Path) -> None:
    base = root / "annotations"
    for split, clip in (("Train_Set", "12-24-1920x1080"), ("Validation_Set", "video7_left")):
        text(base / f"EXPR_Classification_Challenge/{split}/{clip}.txt", EXPR_HEADER, "4", "-1", "7", "0")
        va = ("valence,arousal", "0.5,-0.25", "-5,-5", "0,1", "-5,-5")
        text(base / f"VA_Estimation_Challenge/{split}/{clip}.txt", *va)
        rows = (",".join(["1", "0"] * 6), ",".join(["-1"] * 12), ",".join(["0"] * 11 + ["-1"]), ",".join(["0"] * 12))
        text(base / f"AU_Detection_Challenge/{split}/{clip}.txt", AU_HEADER, *rows)
        pictures(root / f"cropped_aligned/{clip}", ["00001.jpg", "00002.jpg", "00003.jpg"])


def affwild2_mtl(root: Path) -> None:
    header = f"image,valence,arousal,expression,{AU_HEADER}"
    for name, clip in (("train_set.txt", "v1"), ("validation_set.txt", "v2")):
        rows = (
            f"{clip}/00001.jpg,0.5,0.25,4,{','.join(['1'] * 12)}",
            f"{clip}/00002.jpg,-5,-5,-1,{','.join(['-1'] * 12)}",
        )
        text(root / name, header, *rows)
        pictures(root / f"cropped_aligned/{clip}", ["00001.jpg", "00002.jpg"])


def recola(root: Path) -> None:
    for dimension in ("arousal", "valence"):
        for subject in ("P16", "P17"):
            rows = [f"{i * 0.04:.2f};0.1;0.2;0.3;{0.1 * i:.1f};0.0;0.0" for i in range(3)]
            path = root / f"RECOLA-Annotation/emotional_behaviour/{dimension}/{subject}.csv"
            text(path, "time;FM1 ;FM2 ;FM3 ;FF1 ;FF2 ;FF3", *rows)
            video(root / f"RECOLA-Video-recordings/{subject}.mp4", frames=4, fps=25)


SCANS = [f"{e}0{level}" for e in ("AN", "DI", "FE", "HA", "SA", "SU") for level in range(1, 5)] + ["NE00"]


def bu3dfe(root: Path) -> None:
    for subject in ("F0001", "M0044"):
        for scan in SCANS:
            stem = f"{subject}/{subject}_{scan}WH"
            picture(root / f"{stem}_F2D.bmp")
            text(root / f"{stem}_F3D.wrl", "#VRML V2.0 utf8")
            text(root / f"{stem}_F3D.bnd", "0 0 0 0")
            text(root / f"{stem}_RAW.wrl", "#VRML V2.0 utf8")


def bu4dfe(root: Path) -> None:
    for subject in ("F001", "M043"):
        for name in ("Angry", "Disgust", "Fear", "Happy", "Sad", "Surprise"):
            for i in range(3):
                picture(root / f"{subject}/{name}/{i:03d}.jpg")
                text(root / f"{subject}/{name}/{i:03d}.wrl", "#VRML V2.0 utf8")


def fourdfab(root: Path) -> None:
    for subject in ("001", "180"):
        for i in range(2):
            text(root / f"{subject}/Session_1/Happy/{i:04d}.obj", "v 0 0 0")


def disfa(root: Path) -> None:
    for subject in ("SN001", "SN032"):
        for unit in (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26):
            rows = [f"{i},{3 if unit == 12 and i == 2 else 0}" for i in (1, 2, 3)]
            text(root / f"ActionUnit_Labels/{subject}/{subject}_au{unit}.txt", *rows)
        video(root / f"Videos_LeftCamera/LeftVideo{subject}_comp.avi")


def bp4d(root: Path) -> None:
    for subject in ("F001", "M016"):
        for task in (f"T{i}" for i in range(1, 9)):
            text(root / f"AUCoding/AU_OCC/{subject}_{task}.csv", "0,1,2,6,12", "20,0,1,1,9", "21,0,0,0,1")
            for unit in (6, 10, 12, 14, 17):
                text(root / f"AUCoding/AU_INT/AU{unit:02d}/{subject}_{task}_AU{unit:02d}.csv", "20,3", "21,9")
            pictures(root / f"Sequences(2D+3D)/{subject}/{task}", ["0020.jpg", "0021.jpg"])


CASME_II_HEADER = (
    "Subject",
    "Filename",
    None,
    "OnsetFrame",
    "ApexFrame",
    "OffsetFrame",
    None,
    "Action Units",
    "Estimated Emotion",
    "Objective Classes",
)


def casme_ii(root: Path) -> None:
    rows = (
        (1, "EP02_01f", None, 46, 48, 50, None, 12, "happiness", 1),
        (2, "EP01_11f", None, 46, "/", 49, None, "4+L12", "others", 7),
    )
    sheet(root / "CASME2-coding-20140508.xlsx", [CASME_II_HEADER, *rows])
    for subject, clip, *_ in rows:
        names = [f"img{i}.jpg" for i in range(46, 51)]
        pictures(root / f"CASME2-RAW/sub{subject:02d}/{clip}", names)


def cas_me_2(root: Path) -> None:
    codes = [
        (1, "disgust1_1", 2, 3, 4, "4+7", "negative", "micro-expression", "disgust"),
        (1, "disgust1_2", 1, 2, 0, "12", "positive", "macro-expression", "happiness"),
    ]
    sheet(root / "code_final.xlsx", codes, [(None, "s15", 1)], [("0101", "disgust1", None)])
    pictures(root / "rawpic/s15/15_0101disgustingteeth", [f"img{i}.jpg" for i in range(1, 13)])


def cas_me_3(root: Path) -> None:
    header = ("Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class", "emotion")
    rows = (("spNO.1", "a", 1, 3, 5, "4+L12", "II", "happy"), ("spNO.1", "a", 6, 7, 8, "R14", "VII", "others"))
    sheet(root / "annotation/cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx", [("read me",)], [header, *rows])
    sheet(root / "annotation/cas(me)3_part_A_MaE_label_JpgIndex_v2.xlsx", [("sub", "seq", "onset"), ("spNO.1", "a", 1)])
    for kind in ("color", "depth"):
        pictures(root / f"part_A/spNO.1/a/{kind}", [f"{i}.jpg" for i in range(9)])


def smic(camera: str) -> Build:
    def build(root: Path) -> None:
        base = root / f"SMIC_all_cropped/{camera}"
        for subject in ("s01", "s20"):
            for label, short in (("negative", "ne"), ("positive", "po"), ("surprise", "sur")):
                clip = base / f"{subject}/micro/{label}/{subject}_{short}_01"
                pictures(clip, [f"reg_image{i:06d}.bmp" for i in (100, 101, 102)])
        header = ("Subject", "Filename", "OnsetF", "OffsetF", "FirstF", "Emotion")
        rows = ((1, "s01_ne_01", 100, 102, 60, "negative"), ("Remarks follow here", None, None, None, None, None))
        sheet(root / f"SMIC-{camera}-E_annotation.xlsx", [header, *rows])

    return build


SAMM_HEADER = (
    "Subject",
    "Filename",
    "Inducement Code",
    "Onset Frame",
    "Apex Frame",
    "Offset Frame",
    "Duration",
    "Micro",
    "Action Units",
    "Estimated Emotion",
    "Objective Classes",
    "Notes",
)


def samm(root: Path) -> None:
    rows = (
        ("006", "006_1_2", 1, 5562, 5563, 5565, 4, "1/2", "4B or 7A", "Anger", "III", None),
        ("037", "037_3_1", 3, 10, 12, 14, 5, "1/2", "R12A+14B", "Other", "VII", None),
    )
    sheet(root / "SAMM_Micro_FACS_Codes_v2.xlsx", [*[("Introduction",)] * 13, SAMM_HEADER, *rows])
    for subject, clip, _, onset, _, offset, *_ in rows:
        pictures(root / f"SAMM/{subject}/{clip}", [f"{subject}_{i:05d}.jpg" for i in range(onset, offset + 1)])


def samm_long(root: Path) -> None:
    samm(root)
    names = (
        "Subject",
        "Filename",
        "Inducement Code",
        "Onset",
        "Apex",
        "Offset",
        "Duration",
        "Type",
        "Action Units",
        "Notes",
    )
    rows = (
        ("006", "006_1_2", 1, 2, 3, 5, 4, "Micro - 1/2", "4B", None),
        ("006", "006_1_3", 1, 1, 4, 9, 9, "Macro", "12C", None),
        ("006", "006_1_4", 1, 0, 4, 9, 9, "Macro", "12C", None),
    )
    sheet(root / "SAMM_LongVideos_V2_Release.xlsx", [*[("Introduction",)] * 9, names, *rows])
    pictures(root / "SAMM_longvideos/006_1", [f"006_1_{i:04d}.jpg" for i in range(1, 12)])


def megc2019(root: Path) -> None:
    rows = ("casme2,sub01,EP02_01f,1", "samm,006,006_1_2,0", "smic,s01,s01_sur_01,2")
    text(root / "combined_3dbs.csv", "dataset,subject,filename,label", *rows)


def folder(root: Path) -> None:
    pictures(root / "happy", ["a.jpg", "b.png"])
    pictures(root / "Bored", ["c.jpg"])


def synthetic(root: Path) -> None:
    """Two people alone, a group and a picture without anybody."""
    rows = []
    for i, subject in enumerate(["built-in/a", "built-in/b", "built-in/a", "built-in/b", ""]):
        name = f"00000/000000{min(i, 2) if subject else 3}.png"
        row: dict[str, Any] = {n: np.full(k, 0.5 if subject else np.nan) for n, k in NUMBERS.items()}
        texts = {"name": name, "rig": "built-in", "subject": subject, "expression": "sadness", "compound": ""}
        rows.append({**row, **texts, "seed": i, "face": i - 2 if i in (2, 3) else 0 if subject else -1})
        picture(root / "pictures" / name)
    (root / "labels").mkdir()
    write_part(rows, root / "labels" / "00000.parquet", {})
    text(root / "manifest.json", json.dumps({"format": 1, "task": "detect", "kind": "groups", "complete": True}))


def pseudo_row(name: str, **texts: str) -> dict[str, Any]:
    """A row of pseudo-labels. Without `refused` it is one of a face that was kept."""
    row: dict[str, Any] = {"name": name, "picture": f"{name}.png", "subject": name, "split": "train", **texts}
    if row.get("refused"):
        return {**row, "picture": ""}
    numbers = {column: np.full(width, 0.5) for column, width in pseudo_labelled.NUMBERS.items()}
    numbers["landmarks_xy"] = np.arange(196) / 25
    return {"attributes": '{"near": true}', **row, **numbers}


def pseudo_part(root: Path, *rows: dict[str, Any]) -> None:
    (root / "labels").mkdir(parents=True, exist_ok=True)
    pseudo_labelled.write_part(rows, root / "labels/part_00000.parquet")


def pseudo(root: Path) -> None:
    """Two faces with labels and one that was refused."""
    pictures(root / "pictures", ["a.png", "b.png"])
    refused = pseudo_row("c", refused="the views disagree")
    pseudo_part(root, pseudo_row("a", expression="happiness"), pseudo_row("b", split="val"), refused)
    manifest = {"kind": pseudo_labelled.KIND, "format": 1, "source": "sfhq", "purposes": ["train"], "complete": True}
    text(root / "manifest.json", json.dumps(manifest))


BUILDERS: dict[str, Build] = {
    "wider": wider,
    "wflw": wflw,
    "ckplus": ckplus,
    "afew": afew,
    "sfew": sfew,
    "jaffe": jaffe,
    "fer2013": fer2013,
    "ferplus": ferplus,
    "rafdb": rafdb,
    "affectnet8": affectnet_arrays,
    "affectnet7": affectnet_csv,
    "expw": expw,
    "caers": caers,
    "affwild2-expr": affwild2,
    "affwild2-va": affwild2,
    "affwild2-au": affwild2,
    "affwild2-mtl": affwild2_mtl,
    "recola": recola,
    "bu3dfe": bu3dfe,
    "bu4dfe": bu4dfe,
    "4dfab": fourdfab,
    "disfa": disfa,
    "bp4d": bp4d,
    "casme-ii": casme_ii,
    "cas-me-2": cas_me_2,
    "cas-me-3": cas_me_3,
    "smic-hs": smic("HS"),
    "smic-vis": smic("VIS"),
    "smic-nir": smic("NIR"),
    "samm": samm,
    "samm-long": samm_long,
    "megc2019": megc2019,
    "synthetic": synthetic,
    "pseudo": pseudo,
    "folder": folder,
}
WITHOUT_PICTURES = {"4dfab", "megc2019"}
