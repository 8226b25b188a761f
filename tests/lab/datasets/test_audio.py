"""Sound as VGGish takes it: bands where the tone is, patches where the time is, clear errors."""

from pathlib import Path

import av
import numpy as np
import pytest

from mien.errors import SourceError
from mien.lab.datasets.audio import BANDS, PATCH, RATE_HZ, log_mel, mel_bands, read_sound, sound_patches, sound_track
from mien.lab.datasets.clip_moments import read_moments
from mien.lab.datasets.sample import Clip


def write_tone(path: Path, hz: float, seconds: float, rate: int = 44100) -> None:
    tone = (0.5 * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate) * 32767).astype(np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(tone[None], format="s16", layout="mono")
        frame.sample_rate = rate
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)


def test_a_tone_is_read_at_16_khz_and_lies_in_its_band(tmp_path: Path) -> None:
    write_tone(tmp_path / "tone.wav", 1000, 1.2)
    samples = read_sound(tmp_path / "tone.wav")
    assert abs(len(samples) - 1.2 * RATE_HZ) < 200
    assert np.abs(samples[1000:-1000]).max() == pytest.approx(0.5, abs=0.03)
    mel = log_mel(samples)
    loudest = int(mel[20:90].mean(axis=0).argmax())
    bands = mel_bands()
    centre_hz = bands[:, loudest].argmax() * RATE_HZ / 512
    assert abs(centre_hz - 1000) < 60
    assert bands.shape == (257, BANDS)
    assert (bands >= 0).all()
    assert not bands[0].any()


def write_pieces(path: Path, pieces: list[tuple[float, float, float]], fps: int = 10, video_s: float = 3.0) -> None:
    """A clip of grey pictures, and tones: stamp of the first sample, s; length, s; Hz."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=fps)
        video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
        sound = container.add_stream("pcm_s16le", rate=RATE_HZ, layout="mono")
        for i in range(round(fps * video_s)):
            picture = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 8 * i, np.uint8), format="rgb24")
            container.mux(video.encode(picture))
        container.mux(video.encode(None))
        for start_s, length_s, hz in pieces:
            for part in range(round(length_s / 0.1)):  # short packets, each with its stamp
                at = np.arange(RATE_HZ // 10) + part * RATE_HZ // 10
                tone = (0.5 * np.sin(2 * np.pi * hz * at / RATE_HZ) * 32767).astype(np.int16)
                frame = av.AudioFrame.from_ndarray(tone[None], format="s16", layout="mono")
                frame.sample_rate, frame.pts = RATE_HZ, round((start_s + 0.1 * part) * RATE_HZ)
                container.mux(sound.encode(frame))
        container.mux(sound.encode(None))


def heard(patch: np.ndarray, hz: float) -> np.ndarray:
    """Rows (10 ms each) of a (1, 96, 64) patch in which a tone is the loudest."""
    band = mel_bands()[round(hz * 512 / RATE_HZ)].argmax()
    return np.flatnonzero((abs(patch[0].argmax(axis=1) - band) <= 1) & (patch[0].max(axis=1) > -1))


def test_sound_is_where_the_container_says_when_it_begins_late_and_the_tone_changes(tmp_path: Path) -> None:
    write_pieces(tmp_path / "late.mkv", [(0.3, 1.2, 500.0), (1.5, 1.5, 3000.0)])
    moments = read_moments(Clip(video=tmp_path / "late.mkv"), 10)  # pictures at 0.1, 0.4, 0.7 … s
    first, fifth, sixth = (moments.sound[i] for i in (0, 4, 5))
    assert moments.has_sound
    assert abs(heard(first, 500)[0] - (PATCH / 2 + 20)) < 4, "0.2 s after the picture at 0.1 s"
    assert abs(heard(fifth, 3000)[0] - (PATCH / 2 + 20)) < 4, "the tone changes at 1.5 s; the picture is that of 1.3 s"
    assert abs(heard(sixth, 500)[-1] - (PATCH / 2 - 10)) < 4, "0.1 s before that of 1.6 s"


def test_a_gap_in_the_sound_does_not_shift_the_rest(tmp_path: Path) -> None:
    write_pieces(tmp_path / "gap.mkv", [(0.0, 0.8, 500.0), (2.0, 1.0, 3000.0)])
    track = sound_track(tmp_path / "gap.mkv")
    assert track is not None
    assert len(track.samples) == pytest.approx(3.0 * RATE_HZ, abs=50)
    assert not track.samples[round(0.85 * RATE_HZ) : round(1.95 * RATE_HZ)].any()
    assert np.abs(track.samples[round(2.05 * RATE_HZ) :]).max() > 0.4


def test_patches_lie_around_their_times() -> None:
    samples = np.zeros(4 * RATE_HZ, np.float32)
    samples[2 * RATE_HZ : 2 * RATE_HZ + 800] = 0.5 * np.sin(np.arange(800))
    patches = sound_patches(samples, np.array([0.0, 2.0, 3.9]))
    assert patches.shape == (3, 1, PATCH, BANDS)
    silent = np.log(0.01)
    assert np.allclose(patches[[0, 2]], silent, atol=1e-4)
    loud = np.flatnonzero(patches[1, 0].max(axis=1) > silent + 1)
    assert abs(loud.mean() - PATCH / 2) < 5


def test_short_and_missing_sound(tmp_path: Path) -> None:
    assert log_mel(np.zeros(399, np.float32)).shape == (0, BANDS)
    assert log_mel(np.zeros(400, np.float32)).shape == (1, BANDS)
    (tmp_path / "no.wav").write_bytes(b"RIFF nothing")
    with pytest.raises(SourceError, match="cannot be read"):
        read_sound(tmp_path / "no.wav")
    with pytest.raises(SourceError, match="cannot be read"):
        read_sound(tmp_path / "missing.wav")
    with av.open(str(tmp_path / "silent.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    with pytest.raises(SourceError, match="has no sound"):
        read_sound(tmp_path / "silent.mp4")
