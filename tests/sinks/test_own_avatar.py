"""A take on the user's own character, read back with pygltflib."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pygltflib
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "avatar"))
from sample_takes import face, record
from small_rigs import NAMES, write_rig

from mien.animate.performance import performance
from mien.core.geometry import rotation_from_quaternion
from mien.errors import ConfigError, RequestError, SourceError
from mien.sinks.exporters.glb import GlbOptions, export

FRAMES = 12


class Acted:
    """Twelve frames in which the jaw opens, the left lid closes and the head turns."""

    def records(self):
        for i in range(FRAMES):
            share = i / (FRAMES - 1)
            shapes = {"jawOpen": share, "eyeBlinkLeft": 1 - share, "mouthSmileRight": 0.25}
            yield record(i, face(1, shapes=shapes, head=(20 * share, 0, 0), left=(5, 0), right=(5, 0)))


def read(path: Path, accessor: int) -> np.ndarray:
    gltf = pygltflib.GLTF2().load(str(path))
    row = gltf.accessors[accessor]
    view = gltf.bufferViews[row.bufferView]
    width = {"SCALAR": 1, "VEC4": 4}[row.type]
    start = (view.byteOffset or 0) + (row.byteOffset or 0)
    return np.frombuffer(gltf.binary_blob(), "<f4", row.count * width, start).reshape(row.count, width)


def channels(path: Path) -> dict[tuple[str, str], tuple[np.ndarray, np.ndarray, str]]:
    gltf = pygltflib.GLTF2().load(str(path))
    take = gltf.animations[-1]
    assert take.name == "take"
    out = {}
    for channel in take.channels:
        sampler = take.samplers[channel.sampler]
        key = (gltf.nodes[channel.target.node].name, channel.target.path)
        out[key] = read(path, sampler.input)[:, 0], read(path, sampler.output), sampler.interpolation
    return out


@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
@pytest.mark.parametrize("skinned", [False, True])
def test_morph_targets_follow_the_take(tmp_path: Path, interpolation: str, skinned: bool) -> None:
    rig = write_rig(tmp_path / "mine.glb", skinned=skinned)
    before = rig.read_bytes()
    options = GlbOptions(avatar=str(rig), interpolation=interpolation, smooth=False)  # type: ignore[arg-type]
    (path,) = export(Acted(), tmp_path / "out.glb", options=options)
    assert rig.read_bytes() == before
    times, values, way = channels(path)[("face", "weights")]
    assert way == {"linear": "LINEAR", "cubic": "CUBICSPLINE"}[interpolation]
    np.testing.assert_allclose(times, np.arange(FRAMES) * 0.04, atol=1e-6)
    per_key = values.reshape(FRAMES, -1, len(NAMES))
    assert per_key.shape[1] == (3 if interpolation == "cubic" else 1)
    keys = per_key[:, per_key.shape[1] // 2]
    share = np.arange(FRAMES) / (FRAMES - 1)
    np.testing.assert_allclose(keys[:, NAMES.index("jaw_open")], share, atol=1e-5)
    np.testing.assert_allclose(keys[:, NAMES.index("Fcl_EYE_Close_L")], 1 - share, atol=1e-5)
    np.testing.assert_allclose(keys[:, NAMES.index("MouthSmile_R")], 0.25, atol=1e-5)
    assert not keys[:, NAMES.index("hairLong")].any()
    if interpolation == "cubic":
        slopes = per_key[:, 0, NAMES.index("jaw_open")]
        np.testing.assert_allclose(slopes, 1 / (FRAMES - 1) / 0.04, rtol=1e-3)
    original, made = (pygltflib.GLTF2().load(str(p)) for p in (rig, path))
    assert [n.name for n in made.nodes] == [n.name for n in original.nodes]
    assert len(made.images) == len(original.images)
    assert len(made.accessors) > len(original.accessors)


@pytest.mark.parametrize("vrm0", [False, True])
@pytest.mark.parametrize("matrix", [False, True])
def test_the_head_turns_in_the_world_as_the_face_did(tmp_path: Path, vrm0: bool, matrix: bool) -> None:
    rig = write_rig(tmp_path / "mine.vrm", vrm0=vrm0, matrix=matrix)
    options = GlbOptions(avatar=str(rig), smooth=False)
    (path,) = export(Acted(), tmp_path / "out.glb", options=options)
    one = performance(Acted().records())
    found = channels(path)
    gltf = pygltflib.GLTF2().load(str(path))
    head = next(n for n in gltf.nodes if n.name == "Head")
    assert head.matrix is None
    np.testing.assert_allclose(head.translation, [0, 0.1, 0], atol=1e-6)
    neck = rotation_from_quaternion(gltf.nodes[0].rotation)
    around = np.diag([-1.0, 1.0, -1.0]) if vrm0 else np.eye(3)
    for i in (0, FRAMES - 1):
        world = neck @ rotation_from_quaternion(found[("Head", "rotation")][1][i]) @ np.linalg.inv(neck)
        wanted = around @ rotation_from_quaternion(one.head_xyzw[i]) @ around
        np.testing.assert_allclose(world, wanted, atol=1e-5)
    assert {k for k, p in found if p == "rotation"} == {"Head", "LeftEye", "RightEye"}


def test_a_profile_of_ones_own(tmp_path: Path) -> None:
    rig = write_rig(tmp_path / "mine.glb")
    profile = tmp_path / "p.toml"
    profile.write_text("[outputs]\nhairLong = { jawOpen = 0.5 }\n")
    options = GlbOptions(avatar=str(rig), profile=str(profile), smooth=False)
    (path,) = export(Acted(), tmp_path / "out.glb", options=options)
    values = channels(path)[("face", "weights")][1].reshape(FRAMES, -1)
    np.testing.assert_allclose(values[:, NAMES.index("hairLong")], np.arange(FRAMES) / (FRAMES - 1) / 2, atol=1e-5)
    assert not values[:, NAMES.index("jaw_open")].any()


def test_what_cannot_be_done_is_said(tmp_path: Path) -> None:
    rig = write_rig(tmp_path / "mine.glb")
    take = Acted()
    with pytest.raises(RequestError, match="the character itself"):
        export(take, rig, options=GlbOptions(avatar=str(rig)))
    with pytest.raises(SourceError, match=r"missing\.glb"):
        export(take, tmp_path / "o.glb", options=GlbOptions(avatar=str(tmp_path / "missing.glb")))
    lying = bytearray(rig.read_bytes())
    at = lying.index(b'"buffer":0')
    lying[at : at + 10] = b'"buffer":7'
    (tmp_path / "lying.glb").write_bytes(bytes(lying))
    with pytest.raises(SourceError, match=r"lying\.glb"):
        export(take, tmp_path / "o.glb", options=GlbOptions(avatar=str(tmp_path / "lying.glb")))
    profile = tmp_path / "p.toml"
    profile.write_text("[outputs]\nnothing = { jawOpen = 1 }\n")
    with pytest.raises(SourceError, match="none of its morph targets"):
        export(take, tmp_path / "o.glb", options=GlbOptions(avatar=str(rig), profile=str(profile)))
    profile.write_text("inputs = 'facs'\n[outputs]\njaw_open = { AU26 = 1 }\n")
    with pytest.raises(RequestError, match="arkit52"):
        export(take, tmp_path / "o.glb", options=GlbOptions(avatar=str(rig), profile=str(profile)))
    profile.write_text("[outputs]\njaw_open = { jaw = 1 }\n")
    with pytest.raises(ConfigError, match="jaw"):
        export(take, tmp_path / "o.glb", options=GlbOptions(avatar=str(rig), profile=str(profile)))
    assert not (tmp_path / "o.glb").exists()


def test_a_file_of_its_own_says_mien_wrote_it(tmp_path: Path) -> None:
    from mien.output_folder import written_by_mien

    rig = write_rig(tmp_path / "mine.glb")
    (path,) = export(Acted(), tmp_path / "out.glb", options=GlbOptions(avatar=str(rig)))
    assert written_by_mien("glb", path)
    assert json.loads(path.read_bytes()[20:].split(b"BIN\0")[0][: int.from_bytes(path.read_bytes()[12:16], "little")])


def test_live_packets_carry_the_names_of_a_profile(tmp_path: Path) -> None:
    from mien.animate.signal import FaceSignal
    from mien.sinks.protocols import osc
    from mien.sinks.protocols.table import parse_target

    profile = tmp_path / "face.toml"
    profile.write_text("[outputs]\nFcl_EYE_Close_L = { eyeBlinkLeft = 0.5 }\n'Mouth open' = { jawOpen = 1.0 }\n")
    weights = np.zeros(52, np.float32)
    weights[0], weights[17] = 0.8, 0.25  # eyeBlinkLeft, jawOpen
    packets = parse_target(f"vmc://?profile={profile}").encoder().encode(FaceSignal(0, weights=weights))
    sent = dict(a for p in packets for n, a in osc.parsed(p) if n == "/VMC/Ext/Blend/Val")
    assert sent == pytest.approx({"Fcl_EYE_Close_L": 0.4, "Mouth open": 0.25})
    profile.write_text("[outputs]\nx = { nothing = 1 }\n")
    with pytest.raises(ConfigError, match="nothing"):
        parse_target(f"vmc://?profile={profile}").encoder()
