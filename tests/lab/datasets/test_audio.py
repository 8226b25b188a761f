"""Sound as VGGish takes it: bands where the tone is, patches where the time is, clear errors."""

from pathlib import Path

import av
import numpy as np
import pytest

from mien.errors import SourceError
from mien.lab.datasets.audio import BANDS, PATCH, RATE_HZ, log_mel, mel_bands, read_sound, sound_patches


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
